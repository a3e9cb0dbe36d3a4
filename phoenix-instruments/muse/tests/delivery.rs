//! What goes to the archive: names by kind, and a policy that lists all faults at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use phoenix_core::header::Header;
use phoenix_core::product::{Companion, SealedProduct};
use phoenix_core::traits::{
    DeliveryForm, IngestCapability, IngestError, IngestOptions, IngestReceipt, IngestStatus, Ingestor, Instrument,
};
use phoenix_muse::instrument;

/// A transport that takes everything.
#[derive(Debug)]
struct Willing;

impl Ingestor for Willing {
    fn capability(&self) -> IngestCapability {
        IngestCapability::new()
    }

    fn check<'a, 'b, 'c>(&'a self, _product: &'b SealedProduct) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
    {
        Box::pin(std::future::ready(Ok(())))
    }

    fn ingest<'a, 'b, 'c>(&'a self, product: &'b SealedProduct, _options: IngestOptions) -> Answer<'c, IngestReceipt>
    where
        'a: 'c,
        'b: 'c,
    {
        let receipt = IngestReceipt {
            name: product.name.clone(),
            address: "memory".into(),
            digest: product.digest.clone(),
            status: IngestStatus::Stored,
        };
        Box::pin(std::future::ready(Ok(receipt)))
    }
}

type Answer<'c, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, IngestError>> + Send + 'c>>;

fn now<T>(mut answer: Answer<'_, T>) -> Result<T, IngestError> {
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the transport of the test never waits"),
    }
}

fn header(n: i64, kind: &str) -> Header {
    let mut header = Header::new();
    header.set("INSTRUME", "MUSE", "");
    header.set("INS.MODE", "WFM-NOAO-N", "");
    header.set("PRO.DATANCOM", n, "");
    header.set("PHX.OBSTYPE", kind, "");
    header
}

fn sealed() -> SealedProduct {
    let companion = Companion {
        name: "MU_SIMC_1_2016-05-01T23:00:00.000_WFM-NOAO-N_OBJ.fits".into(),
        location: "w.fits".into(),
        category: "ANCILLARY.IMAGE.WHITELIGHT".into(),
        digest: "sha256:0".into(),
        size_bytes: 1,
    };
    SealedProduct {
        name: "MU_SCBC_1_2016-05-01T23:00:00.000_WFM-NOAO-N_OBJ.fits".into(),
        category: "SCIENCE.CUBE.IFS".into(),
        location: "c.fits".into(),
        digest: "sha256:1".into(),
        size_bytes: 1,
        header: header(4, "OBJECT"),
        companions: vec![companion],
        caveats: Vec::new(),
    }
}

#[test]
fn names_and_constants_follow_from_kind_and_mode() {
    let muse = instrument().unwrap();
    let code = |n, kind| muse.delivery(&"DATACUBE_FINAL".into(), &header(n, kind)).unwrap();
    assert_eq!(code(4, "OBJECT").name_code, "MU_SCBC");
    assert_eq!(code(1, "OBJECT").name_code, "MU_SCBS");
    assert_eq!(
        (code(2, "SKY").name_code, code(2, "SKY").name_suffix),
        ("MU_SCBX".into(), "SKY".into())
    );
    let codes = |n, kind| {
        code(n, kind)
            .companions
            .into_iter()
            .map(|companion| companion.name_code)
    };
    assert!(codes(4, "OBJECT").eq(["MU_SIMC", "MU_SXPM"]));
    assert!(codes(1, "OBJECT").eq(["MU_SIMS", "MU_SXPS"]));
    assert!(codes(2, "SKY").eq(["MU_SIMX", "MU_SXPM"]));
    let required = |spec: phoenix_core::traits::DeliverySpec| spec.companions.into_iter().map(|one| one.is_required);
    // ESO's recipes make no exposure map.
    assert!(required(code(4, "OBJECT")).eq([true, false]));
    assert_eq!(code(4, "OBJECT").keywords["SPEC_RES"], 3027.0);
    assert_eq!(muse.delivery(&"IMAGE_FOV".into(), &header(4, "OBJECT")), None);
}

#[test]
fn only_deep_products_are_marked_by_their_exposures() {
    let muse = instrument().unwrap();
    let mut deep = header(4, "OBJECT");
    let marks = |header: &Header| {
        let spec = muse.delivery(&"DATACUBE_FINAL".into(), header).unwrap();
        (spec.name_code, spec.marks_exposures)
    };
    assert_eq!(marks(&deep), ("MU_SCBC".into(), false));
    deep.set("PHX.NOB", 2_i64, "");
    assert_eq!(marks(&deep), ("MU_SCBD".into(), true));
}

#[test]
fn every_master_that_has_a_window_in_time_is_kept_for_later_nights() {
    let muse = instrument().unwrap();
    for task in muse.outlined() {
        for tag in &muse.outline(&task).unwrap().outputs {
            let form = muse.delivery(tag, &header(1, "OBJECT")).map(|spec| spec.form);
            let is_master = matches!(
                tag.as_str(),
                "MASTER_BIAS"
                    | "MASTER_DARK"
                    | "MASTER_FLAT"
                    | "TRACE_TABLE"
                    | "WAVECAL_TABLE"
                    | "LSF_PROFILE"
                    | "TWILIGHT_CUBE"
                    | "STD_RESPONSE"
                    | "STD_TELLURIC"
                    | "ASTROMETRY_WCS"
            );
            assert_eq!(form == Some(DeliveryForm::Master), is_master, "{task}: {tag}");
        }
    }
}

#[test]
fn a_sound_product_passes_to_the_transport() {
    let ingestor = instrument().unwrap().ingestor(Arc::new(Willing));
    let product = sealed();
    assert!(now(ingestor.ingest(&product, IngestOptions::new())).is_ok());
}

#[test]
fn a_refusal_lists_every_fault() {
    let ingestor = instrument().unwrap().ingestor(Arc::new(Willing));
    let mut product = sealed();
    product.companions.clear();
    product.name = "cube.fits".into();
    product.header.set("INSTRUME", "UVES", "");
    let Err(IngestError::Refused { faults, .. }) = now(ingestor.ingest(&product, IngestOptions::new())) else {
        panic!("it was not refused");
    };
    assert_eq!(faults.len(), 3, "{faults:?}");
}
