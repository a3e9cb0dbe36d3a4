//! Data-quality bits: one table for the workspace, the `Euro3D` bits that ESO's pipelines use.

/// A quality bit with its meaning. Source: `Euro3D` data format 1.2, Kissler-Patig et al. 2004, AN 325, 159; MUSE use
/// as measured in docs/algorithms/ifu-combine.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DqBit {
    /// The bit number.
    pub bit: u8,
    /// What it says.
    pub meaning: &'static str,
}

/// Cosmic ray.
pub const COSMIC_RAY: u32 = 1 << 5;
/// Saturated raw pixel.
pub const SATURATED: u32 = 1 << 12;
/// Dead pixel.
pub const DEAD: u32 = 1 << 13;
/// Outlier.
pub const OUTLIER: u32 = 1 << 26;
/// No data.
pub const MISSING: u32 = 1 << 30;
/// Outside the field or range.
pub const OUTSIDE: u32 = 1 << 31;

/// All bits in rising order.
pub const BITS: [DqBit; 13] = [
    DqBit {
        bit: 0,
        meaning: "affected by telluric feature (corrected)",
    },
    DqBit {
        bit: 1,
        meaning: "affected by telluric feature (not corrected)",
    },
    DqBit {
        bit: 5,
        meaning: "cosmic ray",
    },
    DqBit {
        bit: 6,
        meaning: "low quantum efficiency",
    },
    DqBit {
        bit: 8,
        meaning: "hot pixel",
    },
    DqBit {
        bit: 9,
        meaning: "dark pixel",
    },
    DqBit {
        bit: 12,
        meaning: "saturated",
    },
    DqBit {
        bit: 13,
        meaning: "dead pixel",
    },
    DqBit {
        bit: 14,
        meaning: "other detector defect",
    },
    DqBit {
        bit: 26,
        meaning: "outlier",
    },
    DqBit {
        bit: 27,
        meaning: "in the notch filter",
    },
    DqBit {
        bit: 30,
        meaning: "missing data",
    },
    DqBit {
        bit: 31,
        meaning: "outside the data range",
    },
];
