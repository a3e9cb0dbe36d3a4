//! Sealed products of a few bytes.

use std::path::Path;

use phoenix_core::header::Header;
use phoenix_core::product::{Companion, SealedProduct};

use crate::store::{Hasher, Store};

pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> (String, phoenix_core::id::Digest, u64) {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    let mut hasher = Hasher::default();
    hasher.update(content);
    let (digest, size_bytes) = hasher.finish();
    (path.display().to_string(), digest, size_bytes)
}

pub(super) fn content(seed: u64, n: usize) -> Vec<u8> {
    (0..n as u64).map(|i| ((i * 131 + seed * 7919) % 253) as u8).collect()
}

/// A cube of `n` bytes with a white-light image and a preview, lying in `folder`.
pub(super) fn product(folder: &Path, number: u64, n: usize) -> SealedProduct {
    let name = format!("MU_SCBC_{number}_2016-05-02T00:00:00.000_WFM-NOAO-N_OBJ.fits");
    let mut header = Header::new();
    header.set("PRODCATG", "SCIENCE.CUBE.IFS", "");
    header.set("ORIGFILE", name.as_str(), "");
    header.set("INSTRUME", "MUSE", "");
    header.set("OBID1", 1000_i64, "");
    let companions = [
        ("MU_SIMC", "fits", "ANCILLARY.IMAGE.WHITELIGHT"),
        ("MU_SCBC", "png", "ANCILLARY.PREVIEW"),
    ];
    let companions = (1_u64..).zip(companions).map(|(i, (code, suffix, category))| {
        let name = format!("{code}_{number}_2016-05-02T00:00:00.000_WFM-NOAO-N_OBJ.{suffix}");
        header.set(format!("ASSON{i}"), name.as_str(), "");
        let (location, digest, size_bytes) = write(folder, &name, &content(number * 10 + i, 100));
        Companion {
            name,
            location,
            category: category.into(),
            digest,
            size_bytes,
        }
    });
    let companions = companions.collect();
    let (location, digest, size_bytes) = write(folder, &name, &content(number * 10, n));
    SealedProduct {
        name,
        category: "SCIENCE.CUBE.IFS".into(),
        location,
        digest,
        size_bytes,
        header,
        companions,
        caveats: Vec::new(),
    }
}

/// A product without companions.
pub(super) fn lonely(folder: &Path, number: u64) -> SealedProduct {
    let mut sealed = product(folder, number, 3000);
    sealed.companions.clear();
    sealed.header.retain(|card| !card.key.as_str().starts_with("ASSON"));
    sealed
}

/// Returns every key of a store.
pub(super) async fn keys(store: &Store) -> Vec<String> {
    let objects = store.list("").await.expect("listed");
    objects.into_iter().map(|object| object.key).collect()
}

/// Fails unless every product that can be seen has its right content and all its companions beside it.
pub(super) async fn assert_whole(store: &Store, products: &[SealedProduct]) {
    let seen = keys(store).await;
    for product in products {
        let key = |name: &str| format!("products/MUSE/1000/{name}");
        if !seen.contains(&key(&product.name)) {
            continue;
        }
        let (digest, _) = store.digest(&key(&product.name)).await.expect("read");
        assert_eq!(digest, product.digest);
        for companion in &product.companions {
            assert!(seen.contains(&key(&companion.name)), "{} stands alone", product.name);
        }
    }
}

/// Fails unless the store holds these products once each, proven, and nothing else.
pub(super) async fn assert_complete(store: &Store, products: &[SealedProduct]) {
    let mut expected: Vec<String> = Vec::new();
    for product in products {
        expected.push(format!("ledger/MUSE/1000/{}.json", product.name));
        expected.push(format!("products/MUSE/1000/{}", product.name));
        for companion in &product.companions {
            expected.push(format!("products/MUSE/1000/{}", companion.name));
        }
    }
    expected.sort();
    assert_eq!(keys(store).await, expected);
    assert_whole(store, products).await;
}
