//! The texts of the association blocks of a night.

use std::path::Path;

use phoenix_core::id::InstrumentId;
use phoenix_core::unit::Night;

use crate::store::{Store, StoreError};

/// Reads every `*.ab` of a night: key in the store and bytes, in order of key; none if the night has no blocks.
///
/// # Errors
/// If the store cannot be listed or read.
pub async fn block_texts(
    store: &Store,
    instrument: &InstrumentId,
    night: Night,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut objects = store.list(&store.layout().ab(instrument, night)).await?;
    let is_block = |key: &str| Path::new(key).extension().is_some_and(|extension| extension == "ab");
    objects.retain(|object| is_block(&object.key));
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    let mut texts = Vec::with_capacity(objects.len());
    for object in objects {
        let bytes = store.read(&object.key).await?;
        texts.push((object.key, bytes));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::block_texts;
    use crate::store::Store;

    #[tokio::test]
    async fn the_blocks_of_a_night_come_in_order_and_nothing_else_does() {
        let store = Store::in_memory();
        let night = "2016-05-01".parse().expect("a night");
        assert_eq!(block_texts(&store, &"MUSE".into(), night).await.expect("none"), []);
        for name in [
            "2016-05-01/b.ab",
            "2016-05-01/a.ab",
            "2016-05-01/a.log",
            "2016-05-02/c.ab",
        ] {
            let put = store.put_new(&format!("ab/MUSE/{name}"), name.to_owned()).await;
            assert!(put.is_ok());
        }
        let texts = block_texts(&store, &"MUSE".into(), night).await.expect("two");
        let keys: Vec<&str> = texts.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["ab/MUSE/2016-05-01/a.ab", "ab/MUSE/2016-05-01/b.ab"]);
        assert_eq!(texts[0].1, b"2016-05-01/a.ab");
    }
}
