//! Extinction of the atmosphere above Paranal.

/// Wavelength in nm, extinction in magnitudes per airmass.
///
/// Patat et al. 2011, A&A 527, A91, table 3, from 332.5 nm to 885 nm; below and above ESO's model of the site.
pub(crate) const PARANAL: [(f64, f64); 41] = [
    (310.0, 1.53),
    (320.0, 0.94),
    (332.5, 0.686),
    (337.5, 0.606),
    (342.5, 0.581),
    (347.5, 0.552),
    (352.5, 0.526),
    (357.5, 0.504),
    (362.5, 0.478),
    (367.5, 0.456),
    (372.5, 0.430),
    (377.5, 0.409),
    (382.5, 0.386),
    (387.5, 0.378),
    (392.5, 0.363),
    (397.5, 0.345),
    (402.5, 0.330),
    (412.5, 0.298),
    (422.5, 0.274),
    (432.5, 0.253),
    (442.5, 0.229),
    (452.5, 0.212),
    (462.5, 0.198),
    (472.5, 0.185),
    (482.5, 0.176),
    (492.5, 0.162),
    (502.5, 0.156),
    (512.5, 0.146),
    (527.5, 0.139),
    (547.5, 0.131),
    (567.5, 0.130),
    (587.5, 0.122),
    (607.5, 0.115),
    (627.5, 0.099),
    (647.5, 0.086),
    (667.5, 0.072),
    (677.5, 0.064),
    (745.0, 0.048),
    (794.0, 0.042),
    (885.0, 0.029),
    (1000.0, 0.022),
];

/// Returns the extinction at a wavelength, linear between the nodes.
pub(crate) fn magnitudes(lambda_nm: f64) -> f64 {
    let after = PARANAL.partition_point(|node| node.0 < lambda_nm);
    let node = |index: usize| PARANAL.get(index).copied();
    match (after.checked_sub(1).and_then(node), node(after)) {
        (Some(low), Some(high)) => low.1 + (high.1 - low.1) * (lambda_nm - low.0) / (high.0 - low.0),
        (Some(edge), None) | (None, Some(edge)) => edge.1,
        (None, None) => 0.0,
    }
}

/// Returns the share of light that arrives through an airmass.
pub(crate) fn transmission(lambda_nm: f64, airmass: f64) -> f64 {
    libm::pow(10.0, -0.4 * magnitudes(lambda_nm) * airmass)
}
