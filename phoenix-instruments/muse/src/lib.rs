//! MUSE for PHOENIX: selection, association, recipes, scores, delivery
