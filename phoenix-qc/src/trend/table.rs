//! Tables of quality values.
