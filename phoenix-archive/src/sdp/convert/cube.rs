//! A cube with its white-light image.

use phoenix_core::product::{HduData, Pixels, Product};

use super::exposures::Exposures;
use super::{ConvertInput, Converted, Faults, companions, extension, name, primary};
use crate::sdp::names;

/// Brings a cube and its white-light image into the standard's form.
pub(super) fn convert(input: &ConvertInput<'_>, faults: &mut Faults) -> Converted {
    let delivery = input.delivery;
    let exposures = Exposures::gather(input, faults);
    let name = name(input, &delivery.name_code, &delivery.name_suffix, &exposures, faults);
    // The archive takes one white-light image beside a cube, and nothing else that has a FITS header.
    let white = companions(input, faults).into_iter().next();
    let white_name = white.map(|(spec, _)| names::companion_name(&name, &delivery.name_code, &spec.name_code));

    let science = extension::science(input.product, faults);
    let named: Vec<(&str, &str)> = white_name
        .as_deref()
        .map(|name| (name, "White-light image"))
        .into_iter()
        .collect();
    let header = primary::cube(input, &exposures, science, &name, &named, faults);
    let object = header.str("OBJECT").unwrap_or_default().to_owned();
    let hdus = extension::all(input.product, input, &object, science, faults);
    let mut companions = Vec::new();
    if let (Some((spec, white)), Some(white_name)) = (white, white_name) {
        compare_shapes(input.product, white, faults);
        companions.push(Product {
            tag: white.tag.clone(),
            header: primary::white(&header, &spec.category, &white_name),
            hdus: extension::all(white, input, &object, science, faults),
            name: white_name,
        });
    }
    Converted {
        product: Product {
            tag: input.product.tag.clone(),
            name,
            header,
            hdus,
        },
        companions,
    }
}

/// Returns the size of an image `(y, x)`.
pub(super) fn sky_shape(product: &Product) -> Option<[usize; 2]> {
    product.hdus.iter().find_map(|hdu| match &hdu.data {
        HduData::Image(Pixels::F32(planes)) => {
            let [_, n_y, n_x] = planes.shape();
            Some([n_y, n_x])
        }
        HduData::Image(Pixels::F64(array)) => match array.shape() {
            [.., n_y, n_x] => Some([*n_y, *n_x]),
            _ => None,
        },
        _ => None,
    })
}

fn compare_shapes(cube: &Product, white: &Product, faults: &mut Faults) {
    let (cube, image) = (sky_shape(cube), sky_shape(white));
    if cube != image {
        faults.add(format!("{} has axes {image:?}, the cube {cube:?}", white.name));
    }
}
