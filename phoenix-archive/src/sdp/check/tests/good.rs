//! Files that keep the standard, for tests that break them.

use phoenix_core::header::Header;
use phoenix_core::traits::{HduInfo, HduKind};

use crate::sdp::check::{SdpFile, SpectrumFacts};

/// Reads `KEY = value` lines: quoted text, T and F, integers, reals.
pub(crate) fn header(text: &str) -> Header {
    let mut header = Header::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').expect("KEY = value");
        let (key, value) = (key.trim(), value.trim());
        match value {
            "T" => header.set(key, true, ""),
            "F" => header.set(key, false, ""),
            text if text.starts_with('\'') => header.set(key, text.trim_matches('\''), ""),
            number => match number.parse::<i64>() {
                Ok(integer) => header.set(key, integer, ""),
                Err(_) => header.set(key, number.parse::<f64>().expect("a number"), ""),
            },
        }
    }
    header
}

pub(crate) fn hdu(index: usize, name: &str, kind: HduKind, shape: &[usize], text: &str) -> HduInfo {
    let mut header = header(text);
    if index == 0 {
        header.set("SIMPLE", true, "");
    } else {
        header.set("EXTNAME", name, "");
    }
    header.set("CHECKSUM", "abcd", "");
    header.set("DATASUM", "0", "");
    HduInfo {
        index,
        name: name.to_owned(),
        kind,
        shape: shape.to_vec(),
        header,
    }
}

const COMMON: &str = "
    DATE = '2016-05-03'
    ORIGIN = 'ESO-PARANAL'
    TELESCOP = 'ESO-VLT-U4'
    INSTRUME = 'MUSE'
    OBJECT = 'HDFS'
    RA = 150.0
    DEC = -27.0
    RADESYS = 'FK5'
    EQUINOX = 2000.0
    EXPTIME = 1800.0
    TEXPTIME = 1800.0
    MJD-OBS = 57510.0
    MJD-END = 57510.025
    PROG_ID = '60.A-9100(C)'
    OBID1 = 1000
    NCOMBINE = 2
    OBSTECH = 'IFU'
    FLUXCAL = 'ABSOLUTE'
    PROCSOFT = 'phoenix/0.1.0'
    REFERENC = ''
    PROV1 = 'MUSE.2016-05-02T00:00:00.000'
    PROV2 = 'MUSE.2016-05-02T00:17:00.000'
    SPECSYS = 'BARYCENT'
    WAVELMIN = 480.0
    WAVELMAX = 482.0
    SPEC_RES = 3027.0
";

const SKY: &str = "
    CTYPE1 = 'RA---TAN'
    CTYPE2 = 'DEC--TAN'
    CRVAL1 = 150.0
    CRVAL2 = -27.0
    CRPIX1 = 5.5
    CRPIX2 = 4.5
    CUNIT1 = 'deg'
    CUNIT2 = 'deg'
    CD1_1 = -5.0e-5
    CD1_2 = 0.0
    CD2_1 = 0.0
    CD2_2 = 5.0e-5
    CSYER1 = -1.0
    CSYER2 = -1.0
    HDUCLASS = 'ESO'
    HDUDOC = 'SDP'
    HDUVERS = 'SDP version 8'
    HDUCLAS1 = 'IMAGE'
    BITPIX = -32
";

const AXIS: &str = "
    CTYPE3 = 'AWAV'
    CRVAL3 = 4800.0
    CRPIX3 = 1.0
    CUNIT3 = 'angstrom'
    CD3_3 = 1.25
    CRDER3 = 0.026
";

pub(crate) fn cube() -> SdpFile {
    let primary = format!(
        "{COMMON}
        PRODCATG = 'SCIENCE.CUBE.IFS'
        ABMAGLIM = 24.5
        PIXNOISE = 1.0e-19
        SKY_RES = 0.8
        SKY_RERR = 0.1
        DATE-OBS = '2016-05-02T00:00:00.000'
        ASSON1 = 'white.fits'
        ASSON2 = 'cube.png'
        ASSOC2 = 'ANCILLARY.PREVIEW'
        ASSOM2 = '0123456789abcdef0123456789abcdef'
        ORIGFILE = 'cube.fits'"
    );
    let data = format!(
        "{SKY}{AXIS}
        HDUCLAS2 = 'DATA'
        ERRDATA = 'STAT'
        OBJECT = 'HDFS (DATA)'
        BUNIT = '10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)'"
    );
    let stat = format!(
        "{SKY}{AXIS}
        HDUCLAS2 = 'ERROR'
        HDUCLAS3 = 'MSE'
        SCIDATA = 'DATA'
        OBJECT = 'HDFS (STAT)'
        BUNIT = '10**(-40)erg**2.s**(-2).cm**(-4).angstrom**(-2)'"
    );
    SdpFile::new(
        "cube.fits",
        vec![
            hdu(0, "", HduKind::Image, &[], &primary),
            hdu(1, "DATA", HduKind::Image, &[20, 8, 10], &data),
            hdu(2, "STAT", HduKind::Image, &[20, 8, 10], &stat),
        ],
    )
}

pub(crate) fn white() -> SdpFile {
    let primary = "PRODCATG = 'ANCILLARY.IMAGE.WHITELIGHT'\n DATE = '2016-05-03'\n ORIGFILE = 'white.fits'";
    let data = format!(
        "{SKY}
        HDUCLAS2 = 'DATA'
        BUNIT = '10**(-20)erg.s**(-1).cm**(-2).angstrom**(-1)'"
    );
    SdpFile::new(
        "white.fits",
        vec![
            hdu(0, "", HduKind::Image, &[], primary),
            hdu(1, "DATA", HduKind::Image, &[8, 10], &data),
        ],
    )
}

pub(crate) fn exposure_map() -> SdpFile {
    let mut file = white();
    file.name = "map.fits".into();
    let [primary, data] = file.hdus.as_mut_slice() else {
        return file;
    };
    primary.header.set("PRODCATG", "ANCILLARY.EXPMAP", "");
    primary.header.set("ORIGFILE", "map.fits", "");
    data.header.set("BUNIT", "s", "");
    file
}

pub(crate) fn spectrum() -> SdpFile {
    let primary = format!(
        "{COMMON}
        PRODCATG = 'SCIENCE.SPECTRUM'
        EXT_OBJ = F
        CONTNORM = F
        TOT_FLUX = F
        FLUXERR = 10.0
        SPEC_BIN = 0.02
        SPEC_ERR = 0.001
        SPEC_SYE = 0.0
        RA_ERR = 1.0e-4
        DEC_ERR = 1.0e-4
        SNR = 30.0
        ORIGFILE = 'spectrum.fits'"
    );
    let mut table = "
        BITPIX = 8
        NAXIS = 2
        NAXIS1 = 1212
        NAXIS2 = 1
        PCOUNT = 0
        GCOUNT = 1
        TFIELDS = 3
        VOCLASS = 'SPECTRUM v2.0'
        VOPUB = 'ESO/SAF'
        TITLE = 'HDFS MUSE'
        OBJECT = 'HDFS'
        RA = 150.0
        DEC = -27.0
        APERTURE = 0.00025
        TELAPSE = 2160.0
        TMID = 57510.0125
        SPEC_VAL = 481.0
        SPEC_BW = 2.0
        NELEM = 101
        TDMIN1 = 480.0
        TDMAX1 = 482.0
    "
    .to_owned();
    for (n, name, unit, ucd, utype) in [
        (1, "WAVE", "nm", "em.wl", "spec:Data.SpectralAxis.Value"),
        (2, "FLUX", "adu", "phot.flux.density;em.wl", "spec:Data.FluxAxis.Value"),
        (
            3,
            "ERR",
            "adu",
            "stat.error;phot.flux.density;em.wl",
            "spec:Data.FluxAxis.Accuracy.StatError",
        ),
    ] {
        let column = format!(
            "TTYPE{n} = '{name}'\n TFORM{n} = '101E'\n TUNIT{n} = '{unit}'\n TUCD{n} = '{ucd}'\n TUTYP{n} = '{utype}'\n"
        );
        table.push_str(&column);
    }
    let mut file = SdpFile::new(
        "spectrum.fits",
        vec![
            hdu(0, "", HduKind::Image, &[], &primary),
            hdu(1, "SPECTRUM", HduKind::Table, &[1], &table),
        ],
    );
    file.spectrum = Some(SpectrumFacts {
        ends: (480.0, 482.0),
        median_step: 0.02,
        is_rising: true,
        has_infinite: false,
    });
    file
}
