//! Archive side of PHOENIX: stores, catalogue, science-data-product standard, ingestion
