//! Quality control of PHOENIX: measurements, scores, previews, reports, trends
