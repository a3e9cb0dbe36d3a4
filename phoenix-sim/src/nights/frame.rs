//! Frames and tables as files.

use ndarray::Array2;
use phoenix_core::header::Header;
use phoenix_core::product::{Column, ColumnData, Hdu, HduData, Pixels, Product, Table};

/// Makes an image HDU of counts.
pub(crate) fn counts(name: &str, header: Header, counts: Array2<u16>) -> Hdu {
    Hdu {
        name: name.to_owned(),
        header,
        data: HduData::Image(Pixels::U16(counts.into_dyn())),
    }
}

/// Makes a file whose name is its archive name.
pub(crate) fn file(name: &str, tag: &str, header: Header, hdus: Vec<Hdu>) -> Product {
    Product {
        tag: tag.into(),
        name: name.to_owned(),
        header,
        hdus,
    }
}

/// Makes a table HDU.
pub(crate) fn table(name: &str, columns: Vec<Column>) -> Hdu {
    Hdu {
        name: name.to_owned(),
        header: Header::new(),
        data: HduData::Table(Table { columns }),
    }
}

/// Makes a column with one value per row.
pub(crate) fn column(name: &str, unit: Option<&str>, data: ColumnData) -> Column {
    vectors(name, unit, 1, data)
}

/// Makes a column with several values per row.
pub(crate) fn vectors(name: &str, unit: Option<&str>, repeat: usize, data: ColumnData) -> Column {
    Column {
        name: name.to_owned(),
        unit: unit.map(str::to_owned),
        repeat,
        data,
    }
}
