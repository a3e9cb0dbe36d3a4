//! What can go wrong in a kernel, sorted by what the caller can do about it.

/// An error of the caller's own row source or slab sink, carried through unchanged.
pub type SourceError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Says why a kernel ended without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// Arrays that belong together differ in length, or a length is not what was announced.
    #[error("{what} has {found} elements where {expected} were expected")]
    Shape {
        /// The array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A parameter is outside the range in which the kernel is defined.
    #[error("{name} is {value}, which is outside {allowed}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The output grid has no voxel.
    #[error("the output grid is empty: {nx} x {ny} x {nz} voxels")]
    EmptyGrid {
        /// Voxels along x.
        nx: usize,
        /// Voxels along y.
        ny: usize,
        /// Voxels along wavelength.
        nz: usize,
    },
    /// The output grid has more voxels than can be counted.
    #[error("the output grid is too large: {nx} x {ny} x {nz} voxels")]
    GridTooLarge {
        /// Voxels along x.
        nx: f64,
        /// Voxels along y.
        ny: f64,
        /// Voxels along wavelength.
        nz: f64,
    },
    /// No exposure was given.
    #[error("there is no exposure to combine")]
    NoExposures,
    /// An exposure has no pixel with finite position and value inside the wavelength range.
    #[error("exposure {exposure} has no usable pixel")]
    NoPixels {
        /// Position of the exposure in the list, from 0.
        exposure: usize,
    },
    /// Exposures with unlike coordinate states were given together.
    #[error("exposure {exposure} has {found} coordinates where {expected} were expected")]
    MixedStates {
        /// Position of the exposure in the list, from 0.
        exposure: usize,
        /// Its state.
        found: &'static str,
        /// The state of the first exposure.
        expected: &'static str,
    },
    /// Even one plane at a time needs more memory than allowed.
    #[error("{allowed_bytes} bytes of memory are too few, at least {floor_bytes} are needed")]
    Memory {
        /// The caller's budget.
        allowed_bytes: usize,
        /// The smallest budget that works.
        floor_bytes: usize,
    },
    /// The caller asked for the end through [`crate::Hooks`].
    #[error("stopped by the caller")]
    Stopped,
    /// The caller's row source failed.
    #[error("rows {first} to {last} of exposure {exposure} could not be read")]
    Read {
        /// Position of the exposure in the list, from 0.
        exposure: usize,
        /// First row.
        first: u64,
        /// One past the last row.
        last: u64,
        /// The error of the source.
        source: SourceError,
    },
    /// The caller's sink failed.
    #[error("the slab from plane {first_plane} could not be stored")]
    Sink {
        /// First plane of the slab.
        first_plane: usize,
        /// The error of the sink.
        source: SourceError,
    },
}
