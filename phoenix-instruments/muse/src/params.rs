//! Parameters of the two recipes, with the names, defaults and ranges of the MUSE pipeline 2.8.7.

use phoenix_core::traits::{ParamSpec, RecipeError};
use phoenix_kernels::Numerics;
use phoenix_kernels::ifu::{CosmicKind, CosmicOptions, Resample, StackOptions};
use phoenix_kit::param;
use serde::{Deserialize, Serialize};

use crate::covariance;

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Returns the text of the value.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

choice!(
    /// Which numbers are wanted.
    NumericsChoice:
    /// Defects repaired, the same bits on every platform.
    Phoenix = "phoenix",
    /// Bit for bit as the pipeline computes.
    Eso = "eso",
);
choice!(
    /// `resample`.
    ResampleChoice:
    /// Nearest row of the voxel's own cell.
    Nearest = "nearest",
    /// Inverse distance.
    Linear = "linear",
    /// Inverse square of the distance.
    Quadratic = "quadratic",
    /// Modified Shepard.
    Renka = "renka",
    /// Overlap of shrunken pixels.
    Drizzle = "drizzle",
    /// Lanczos windows.
    Lanczos = "lanczos",
);
choice!(
    /// `crtype`.
    CosmicChoice:
    /// Mean and variance.
    Iraf = "iraf",
    /// Mean and standard deviation.
    Mean = "mean",
    /// Median and median absolute deviation.
    Median = "median",
);
choice!(
    /// `weight`.
    WeightChoice:
    /// Exposure time.
    Exptime = "exptime",
    /// Exposure time and seeing.
    Fwhm = "fwhm",
    /// Exposure time and a header value.
    Header = "header",
    /// The column `WEIGHT` of the list of offsets, as `muse_exp_weights` fills it.
    Quality = "quality",
    /// The column of the tables.
    None = "none",
);
choice!(
    /// `format`: the layouts that the pipeline offers; this backend writes `Cube`.
    FormatChoice:
    /// Data and variance.
    Cube = "Cube",
    /// A table of spectra.
    Euro3D = "Euro3D",
    /// Data, variance and images.
    XCube = "xCube",
    /// A table of spectra and images.
    XEuro3D = "xEuro3D",
    /// With archive keywords.
    SdpCube = "sdpCube",
);

/// Parameters of `muse_exp_combine`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CombineParams {
    /// Products to save: `cube`, `combined`.
    pub save: String,
    /// Resampling technique.
    pub resample: ResampleChoice,
    /// Horizontal step in arcsec; 0 is the mode's own.
    #[serde(deserialize_with = "param::number")]
    pub dx: f64,
    /// Vertical step in arcsec; 0 is the mode's own.
    #[serde(deserialize_with = "param::number")]
    pub dy: f64,
    /// Wavelength step in Angstrom; 0 is the instrument's own.
    #[serde(deserialize_with = "param::number")]
    pub dlambda: f64,
    /// Statistics of the cosmic-ray test.
    pub crtype: CosmicChoice,
    /// Limit of the cosmic-ray test; 0 or below switches it off.
    #[serde(deserialize_with = "param::number")]
    pub crsigma: f64,
    /// Critical radius of `renka`.
    #[serde(deserialize_with = "param::number")]
    pub rc: f64,
    /// Down-scaling of pixels for `drizzle`: one to three numbers.
    #[serde(deserialize_with = "param::list_text")]
    pub pixfrac: String,
    /// Loop distance.
    #[serde(deserialize_with = "param::count")]
    pub ld: usize,
    /// Layout of the cube.
    pub format: FormatChoice,
    /// Weights of exposures.
    pub weight: WeightChoice,
    /// Filters of the images.
    pub filter: String,
    /// Smallest wavelength in Angstrom.
    #[serde(deserialize_with = "param::number")]
    pub lambdamin: f64,
    /// Largest wavelength in Angstrom.
    #[serde(deserialize_with = "param::number")]
    pub lambdamax: f64,
    /// Part of the cube whose whole covariance is written: ranges of x, y and plane.
    pub covariance: String,
    /// Which numbers are wanted.
    pub numerics: NumericsChoice,
}

impl Default for CombineParams {
    fn default() -> Self {
        Self {
            save: "cube".into(),
            resample: ResampleChoice::Drizzle,
            dx: 0.0,
            dy: 0.0,
            dlambda: 0.0,
            crtype: CosmicChoice::Median,
            crsigma: 10.0,
            rc: 1.25,
            pixfrac: "0.6,0.6".into(),
            ld: 1,
            format: FormatChoice::Cube,
            weight: WeightChoice::Exptime,
            filter: "white".into(),
            lambdamin: 4000.0,
            lambdamax: 10_000.0,
            covariance: String::new(),
            numerics: NumericsChoice::Phoenix,
        }
    }
}

/// Parameters of `muse_scipost_make_cube`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CubeParams {
    /// Smallest wavelength in Angstrom.
    #[serde(deserialize_with = "param::number")]
    pub lambdamin: f64,
    /// Largest wavelength in Angstrom.
    #[serde(deserialize_with = "param::number")]
    pub lambdamax: f64,
    /// Resampling technique.
    pub resample: ResampleChoice,
    /// Horizontal step in arcsec or pixels; 0 is the mode's own.
    #[serde(deserialize_with = "param::number")]
    pub dx: f64,
    /// Vertical step in arcsec or pixels; 0 is the mode's own.
    #[serde(deserialize_with = "param::number")]
    pub dy: f64,
    /// Wavelength step in Angstrom; 0 is the instrument's own.
    #[serde(deserialize_with = "param::number")]
    pub dlambda: f64,
    /// Statistics of the cosmic-ray test.
    pub crtype: CosmicChoice,
    /// Limit of the cosmic-ray test; 0 or below switches it off.
    #[serde(deserialize_with = "param::number")]
    pub crsigma: f64,
    /// Critical radius of `renka`.
    #[serde(deserialize_with = "param::number")]
    pub rc: f64,
    /// Down-scaling of pixels for `drizzle`: one to three numbers.
    #[serde(deserialize_with = "param::list_text")]
    pub pixfrac: String,
    /// Loop distance.
    #[serde(deserialize_with = "param::count")]
    pub ld: usize,
    /// Layout of the cube.
    pub format: FormatChoice,
    /// Whether to write a stacked image as well.
    #[serde(deserialize_with = "param::logical")]
    pub stacked: bool,
    /// Filters of the images.
    pub filter: String,
    /// Part of the cube whose whole covariance is written: ranges of x, y and plane.
    pub covariance: String,
    /// Which numbers are wanted.
    pub numerics: NumericsChoice,
}

impl Default for CubeParams {
    fn default() -> Self {
        let combine = CombineParams::default();
        Self {
            lambdamin: combine.lambdamin,
            lambdamax: combine.lambdamax,
            resample: combine.resample,
            dx: combine.dx,
            dy: combine.dy,
            dlambda: combine.dlambda,
            crtype: combine.crtype,
            crsigma: 15.0,
            rc: combine.rc,
            pixfrac: "0.8,0.8".into(),
            ld: combine.ld,
            format: combine.format,
            stacked: false,
            filter: combine.filter,
            covariance: combine.covariance,
            numerics: combine.numerics,
        }
    }
}

impl From<&CubeParams> for CombineParams {
    fn from(cube: &CubeParams) -> Self {
        Self {
            save: "cube".into(),
            resample: cube.resample,
            dx: cube.dx,
            dy: cube.dy,
            dlambda: cube.dlambda,
            crtype: cube.crtype,
            crsigma: cube.crsigma,
            rc: cube.rc,
            pixfrac: cube.pixfrac.clone(),
            ld: cube.ld,
            format: cube.format,
            // One exposure keeps the weight column that its table may have.
            weight: WeightChoice::None,
            filter: cube.filter.clone(),
            lambdamin: cube.lambdamin,
            lambdamax: cube.lambdamax,
            covariance: cube.covariance.clone(),
            numerics: cube.numerics,
        }
    }
}

fn refuse(name: &str, reason: impl Into<String>) -> RecipeError {
    RecipeError::Parameter {
        name: name.into(),
        reason: reason.into(),
    }
}

impl CombineParams {
    /// Checks what types cannot say.
    ///
    /// # Errors
    /// `Parameter`, naming the parameter.
    pub fn check(&self) -> Result<(), RecipeError> {
        for word in param::words(&self.save) {
            match word {
                "cube" | "combined" => {}
                _ => return Err(refuse("save", format!("{word:?} is neither cube nor combined"))),
            }
        }
        if param::words(&self.save).next().is_none() {
            return Err(refuse("save", "nothing is to be saved"));
        }
        if self.format != FormatChoice::Cube {
            let reason = format!(
                "format {} is not written by this backend, Cube is",
                self.format.as_str()
            );
            return Err(refuse("format", reason));
        }
        let steps = [("dx", self.dx), ("dy", self.dy), ("dlambda", self.dlambda)];
        for (name, value) in steps {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(refuse(name, format!("{value} is not 0 or a step above 0")));
            }
        }
        if !(1..=3).contains(&param::numbers(&self.pixfrac).len())
            || param::numbers(&self.pixfrac).iter().any(|p| p.is_nan() || *p <= 0.0)
        {
            return Err(refuse(
                "pixfrac",
                format!("{:?} is not one to three numbers above 0", self.pixfrac),
            ));
        }
        if !(1..=16).contains(&self.ld) {
            return Err(refuse("ld", format!("{} is outside 1 to 16", self.ld)));
        }
        if !(self.rc > 0.0 && self.rc.is_finite()) {
            return Err(refuse("rc", format!("{} is not above 0", self.rc)));
        }
        if !self.crsigma.is_finite() {
            return Err(refuse("crsigma", format!("{} is no number", self.crsigma)));
        }
        if self.lambdamin.partial_cmp(&self.lambdamax) != Some(std::cmp::Ordering::Less) {
            return Err(refuse(
                "lambdamax",
                format!("{} is not above lambdamin {}", self.lambdamax, self.lambdamin),
            ));
        }
        covariance::part(&self.covariance)?;
        Ok(())
    }

    /// Tells whether a product is to be saved.
    pub fn saves(&self, product: &str) -> bool {
        param::words(&self.save).any(|word| word == product)
    }

    /// Returns the numerics as the kernels name them.
    pub fn kernel_numerics(&self) -> Numerics {
        match self.numerics {
            NumericsChoice::Phoenix => Numerics::Phoenix,
            NumericsChoice::Eso => Numerics::Eso,
        }
    }

    /// Returns the options of the kernel; memory and pixel scale are the caller's.
    pub fn stack_options(&self) -> StackOptions {
        let mut options = StackOptions::default();
        options.numerics = self.kernel_numerics();
        options.resample = match self.resample {
            ResampleChoice::Nearest => Resample::Nearest,
            ResampleChoice::Linear => Resample::Linear,
            ResampleChoice::Quadratic => Resample::Quadratic,
            ResampleChoice::Renka => Resample::Renka,
            ResampleChoice::Drizzle => Resample::Drizzle,
            ResampleChoice::Lanczos => Resample::Lanczos,
        };
        options.pixfrac = match param::numbers(&self.pixfrac)[..] {
            [all] => [all; 3],
            [spatial, spectral] => [spatial, spatial, spectral],
            [x, y, spectral, ..] => [x, y, spectral],
            [] => options.pixfrac,
        };
        options.loop_distance = self.ld;
        options.critical_radius = self.rc;
        options.cosmic = CosmicOptions {
            kind: match self.crtype {
                CosmicChoice::Iraf => CosmicKind::Iraf,
                CosmicChoice::Mean => CosmicKind::Mean,
                CosmicChoice::Median => CosmicKind::Median,
            },
            sigma: self.crsigma,
        };
        options.lambda_range = [self.lambdamin, self.lambdamax];
        options
    }
}

/// Describes the parameters of a recipe for help texts.
pub(crate) fn specs(names: &[&str]) -> Vec<ParamSpec> {
    const ALL: [(&str, &str, &str); 18] = [
        (
            "save",
            "Products to save: the cube with its images, the combined pixel table, or both.",
            "cube | combined | cube,combined",
        ),
        (
            "resample",
            "Resampling technique.",
            "nearest | linear | quadratic | renka | drizzle | lanczos",
        ),
        (
            "dx",
            "Horizontal step in arcsec or pixels; 0 is the mode's own.",
            "0 or above",
        ),
        (
            "dy",
            "Vertical step in arcsec or pixels; 0 is the mode's own.",
            "0 or above",
        ),
        (
            "dlambda",
            "Wavelength step in Angstrom; 0 is the instrument's own.",
            "0 or above",
        ),
        ("crtype", "Statistics of the cosmic-ray test.", "iraf | mean | median"),
        (
            "crsigma",
            "Limit of the cosmic-ray test; 0 or below switches it off.",
            "number",
        ),
        ("rc", "Critical radius of renka.", "above 0"),
        (
            "pixfrac",
            "Down-scaling of pixels for drizzle: all; spatial,spectral; or x,y,spectral.",
            "1 to 3 numbers above 0",
        ),
        ("ld", "Loop distance of all techniques but nearest.", "1 to 16"),
        ("format", "Layout of the cube.", "Cube"),
        (
            "weight",
            "Weights of exposures.",
            "exptime | fwhm | header | quality | none",
        ),
        (
            "stacked",
            "Write a stacked image as well; not written by this backend.",
            "false",
        ),
        (
            "filter",
            "Filters of the images, by EXTNAME in the FILTER_LIST; white needs no list.",
            "comma-separated names",
        ),
        ("lambdamin", "Smallest wavelength in Angstrom.", "number"),
        ("lambdamax", "Largest wavelength in Angstrom.", "number"),
        (
            "covariance",
            "Part of the cube whose whole covariance is written as well, pixels counted from 1; none if empty.",
            "x1:x2,y1:y2,z1:z2",
        ),
        (
            "numerics",
            "Which numbers: phoenix repairs known defects, eso has the pipeline's bits.",
            "phoenix | eso",
        ),
    ];
    let chosen = names
        .iter()
        .filter_map(|name| ALL.into_iter().find(|(known, ..)| known == name));
    param::described(chosen)
}

#[cfg(test)]
mod tests {
    use super::{CombineParams, CubeParams};

    #[test]
    fn defaults_come_back_from_json() {
        let json = serde_json::to_value(CombineParams::default()).unwrap();
        assert_eq!(
            serde_json::from_value::<CombineParams>(json).unwrap(),
            CombineParams::default()
        );
        let json = serde_json::to_value(CubeParams::default()).unwrap();
        assert_eq!(
            serde_json::from_value::<CubeParams>(json).unwrap(),
            CubeParams::default()
        );
    }

    #[test]
    fn numbers_may_be_typed_as_text_and_lists_as_numbers() {
        let typed = serde_json::json!({"crsigma": "5", "pixfrac": 0.8, "ld": "2", "resample": "lanczos"});
        let params: CombineParams = serde_json::from_value(typed).unwrap();
        assert_eq!((params.crsigma, params.ld, params.pixfrac.as_str()), (5.0, 2, "0.8"));
        assert!(params.stack_options().pixfrac.iter().all(|p| (p - 0.8).abs() < 1e-15));
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let refused = serde_json::from_value::<CombineParams>(serde_json::json!({"pixfrak": 0.8}));
        assert!(refused.is_err_and(|error| error.to_string().contains("pixfrak")));
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        let message = |typed: serde_json::Value| {
            let params: CombineParams = serde_json::from_value(typed).unwrap();
            params.check().map_err(|error| error.to_string())
        };
        for (typed, name) in [
            (serde_json::json!({"save": "cubes"}), "save"),
            (serde_json::json!({"save": ","}), "save"),
            (serde_json::json!({"format": "sdpCube"}), "format"),
            (serde_json::json!({"dx": -1.0}), "dx"),
            (serde_json::json!({"ld": 0}), "ld"),
            (serde_json::json!({"pixfrac": "0.6,0,1"}), "pixfrac"),
            (serde_json::json!({"lambdamin": 9000, "lambdamax": 5000}), "lambdamax"),
        ] {
            assert!(message(typed).is_err_and(|text| text.starts_with(&format!("parameter {name}"))));
        }
        assert_eq!(message(serde_json::json!({"crsigma": 0.0})), Ok(()));
    }
}
