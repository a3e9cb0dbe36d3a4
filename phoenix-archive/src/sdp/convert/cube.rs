//! A cube with its white-light image and its exposure map.

use phoenix_core::product::{HduData, Pixels, Product};
use phoenix_core::traits::CompanionSpec;

use super::exposures::Exposures;
use super::{ConvertInput, Converted, Faults, companions, extension, name, primary};
use crate::sdp::names;
use crate::sdp::standard::Family;

/// An image that goes along with a cube.
struct Image<'a> {
    spec: &'a CompanionSpec,
    family: Family,
    product: &'a Product,
    name: String,
}

impl Image<'_> {
    fn comment(&self) -> &'static str {
        match self.family {
            Family::ExposureMap => "Exposure map",
            _ => "White-light image",
        }
    }
}

/// Brings a cube and the images that go along with it into the standard's form.
pub(super) fn convert(input: &ConvertInput<'_>, faults: &mut Faults) -> Converted {
    let delivery = input.delivery;
    let exposures = Exposures::gather(input, faults);
    let name = name(input, &delivery.name_code, &delivery.name_suffix, &exposures, faults);
    let images = images(input, &name, faults);

    let science = extension::science(input.product, faults);
    let named: Vec<(&str, &str)> = (images.iter())
        .map(|image| (image.name.as_str(), image.comment()))
        .collect();
    let header = primary::cube(input, &exposures, science, &name, &named, faults);
    let object = header.str("OBJECT").unwrap_or_default().to_owned();
    let hdus = extension::all(input.product, input, &object, science, faults);
    let mut companions = Vec::new();
    for image in images {
        compare_shapes(input.product, image.product, faults);
        let category = &image.spec.category;
        let header = match image.family {
            Family::ExposureMap => {
                check_seconds(image.product, faults);
                primary::exposure_map(&header, category, &image.name)
            }
            _ => primary::white(&header, category, &image.name),
        };
        companions.push(Product {
            tag: image.product.tag.clone(),
            header,
            hdus: extension::all(image.product, input, &object, science, faults),
            name: image.name,
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

/// Finds the companions that the archive takes beside a cube: the first of each kind, white light before the map.
fn images<'a>(input: &ConvertInput<'a>, cube: &str, faults: &mut Faults) -> Vec<Image<'a>> {
    let mut images: Vec<Image<'a>> = Vec::new();
    for (spec, product) in companions(input, faults) {
        let Some(family @ (Family::WhiteLight | Family::ExposureMap)) = Family::of(&spec.category) else {
            faults.add(format!("there is no conversion of {} beside a cube", spec.category));
            continue;
        };
        if images.iter().all(|image| image.family != family) {
            images.push(Image {
                spec,
                family,
                product,
                name: names::companion_name(cube, &input.delivery.name_code, &spec.name_code),
            });
        }
    }
    // `ASSON1` of a cube is its white-light image.
    images.sort_by_key(|image| image.family == Family::ExposureMap);
    images
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

fn compare_shapes(cube: &Product, image: &Product, faults: &mut Faults) {
    let (cube, axes) = (sky_shape(cube), sky_shape(image));
    if cube != axes {
        faults.add(format!("{} has axes {axes:?}, the cube {cube:?}", image.name));
    }
}

/// Holds a map against what the standard says of its values: seconds, 0 where nothing was exposed.
fn check_seconds(map: &Product, faults: &mut Faults) {
    let Some(planes) = map.planes("DATA") else {
        faults.add(format!("{} is not of 32-bit reals", map.name));
        return;
    };
    let shape = planes.shape();
    let mut seconds = vec![0.0_f32; shape.iter().product()];
    if let Err(error) = planes.read(0..shape[0], &mut seconds) {
        faults.add(format!("{}: {error}", map.name));
    } else if let Some(bad) = seconds.iter().find(|value| !value.is_finite() || **value < 0.0) {
        faults.add(format!("{} holds {bad}, which is no exposure time", map.name));
    }
}
