//! Elementary functions behind one trait, so that a kernel can be bound to the C library or to portable code.

/// Names which numbers are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numerics {
    /// Defects of ESO's pipeline repaired, the same bits on every platform.
    #[default]
    Phoenix,
    /// Bit for bit what ESO's pipeline computes, its defects included, with the C library's functions.
    Eso,
}

/// The elementary functions that kernels use.
pub trait Math: Sync {
    /// Sine of an angle in radians.
    fn sin(x: f64) -> f64;
    /// Cosine of an angle in radians.
    fn cos(x: f64) -> f64;
    /// Arc sine, radians.
    fn asin(x: f64) -> f64;
    /// Arc tangent, radians.
    fn atan(x: f64) -> f64;
    /// Angle of the point (x, y), radians.
    fn atan2(y: f64, x: f64) -> f64;
    /// Tangent of an angle in radians.
    fn tan(x: f64) -> f64;
    /// Natural exponential.
    fn exp(x: f64) -> f64;
    /// Natural logarithm.
    fn ln(x: f64) -> f64;
}

/// The C library of the platform, as ESO's pipeline uses it.
#[derive(Clone, Copy, Debug)]
pub struct System;

/// Portable functions: the same bits everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

macro_rules! forward {
    ($type:ty, $($name:ident($($arg:ident),*) = $call:expr;)*) => {
        impl Math for $type {
            $(#[inline]
            fn $name($($arg: f64),*) -> f64 {
                $call
            })*
        }
    };
}

forward! { System,
    sin(x) = x.sin();
    cos(x) = x.cos();
    asin(x) = x.asin();
    atan(x) = x.atan();
    atan2(y, x) = y.atan2(x);
    tan(x) = x.tan();
    exp(x) = x.exp();
    ln(x) = x.ln();
}

forward! { Portable,
    sin(x) = libm::sin(x);
    cos(x) = libm::cos(x);
    asin(x) = libm::asin(x);
    atan(x) = libm::atan(x);
    atan2(y, x) = libm::atan2(y, x);
    tan(x) = libm::tan(x);
    exp(x) = libm::exp(x);
    ln(x) = libm::log(x);
}
