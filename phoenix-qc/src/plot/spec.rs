//! What to draw.

use serde::{Deserialize, Serialize};

/// How values become places on the colour map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Stretch {
    /// Linear near the noise, logarithmic above: faint and bright parts at once.
    #[default]
    Asinh,
    /// Linear between the limits of the zscale algorithm.
    ZScale,
}

/// A perceptually uniform colour map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ColourMap {
    /// Black over red to yellow.
    #[default]
    Inferno,
    /// Blue over green to yellow.
    Viridis,
    /// Blue to yellow, made for all kinds of colour vision.
    Cividis,
    /// Black to white.
    Grey,
}

/// What a preview shows beside its pixels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PreviewSpec {
    /// The heading.
    pub title: String,
    /// A line below the heading.
    pub subtitle: String,
    /// The unit of the values as a header spells it.
    pub unit: String,
    /// The stretch.
    pub stretch: Stretch,
    /// The colour map.
    pub colour_map: ColourMap,
    /// The longest side of the image that is aimed at; small images grow by whole factors, so that pixels stay visible.
    pub side_px: u32,
}

impl Default for PreviewSpec {
    fn default() -> Self {
        Self {
            title: String::new(),
            subtitle: String::new(),
            unit: String::new(),
            stretch: Stretch::default(),
            colour_map: ColourMap::default(),
            side_px: 640,
        }
    }
}

impl PreviewSpec {
    /// Returns a preview with a heading and defaults for all else.
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..Self::default()
        }
    }

    /// Sets the line below the heading.
    #[must_use]
    pub fn with_subtitle(mut self, subtitle: &str) -> Self {
        subtitle.clone_into(&mut self.subtitle);
        self
    }

    /// Sets the unit as a header spells it.
    #[must_use]
    pub fn with_unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// Sets the stretch.
    #[must_use]
    pub fn with_stretch(mut self, stretch: Stretch) -> Self {
        self.stretch = stretch;
        self
    }

    /// Sets the colour map.
    #[must_use]
    pub fn with_colour_map(mut self, colour_map: ColourMap) -> Self {
        self.colour_map = colour_map;
        self
    }

    /// Sets the side aimed at, 100 to 4000 pixels.
    #[must_use]
    pub fn with_side_px(mut self, side_px: u32) -> Self {
        self.side_px = side_px.clamp(100, 4000);
        self
    }
}
