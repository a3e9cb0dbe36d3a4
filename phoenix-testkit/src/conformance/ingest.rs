//! Contracts of `Ingestor`.

use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestError, IngestOptions, IngestStatus, Ingestor};

use super::Report;

/// Checks an ingestor.
///
/// `good` and `other` are deliverable and differ in content; `other` may have any name. `bad` breaks at least two rules
/// of the archive's standard, if the ingestor knows one.
pub async fn ingestor(
    ingestor: &dyn Ingestor,
    good: &SealedProduct,
    other: &SealedProduct,
    bad: Option<&SealedProduct>,
) -> Report {
    let mut report = Report::default();
    let status = |receipt: Result<phoenix_core::traits::IngestReceipt, IngestError>| receipt.map(|it| it.status);
    let dry = status(ingestor.ingest(good, IngestOptions::new().with_dry_run(true)).await);
    report.check(
        "a dry run writes nothing",
        matches!(dry, Ok(IngestStatus::DryRun)),
        || format!("{dry:?}"),
    );
    let first = status(ingestor.ingest(good, IngestOptions::new()).await);
    report.check(
        "a dry run leaves no trace",
        matches!(first, Ok(IngestStatus::Stored)),
        || format!("{first:?}"),
    );
    let second = status(ingestor.ingest(good, IngestOptions::new()).await);
    report.check(
        "a second delivery is already present",
        matches!(second, Ok(IngestStatus::AlreadyPresent)),
        || format!("{second:?}"),
    );
    let renamed = SealedProduct {
        name: good.name.clone(),
        header: good.header.clone(),
        ..other.clone()
    };
    let conflict = ingestor.ingest(&renamed, IngestOptions::new()).await;
    report.check(
        "the same name with another content is a conflict",
        matches!(conflict, Err(IngestError::Conflict { .. })),
        || format!("{conflict:?}"),
    );
    let third = status(ingestor.ingest(good, IngestOptions::new()).await);
    report.check(
        "a conflict changes nothing",
        matches!(third, Ok(IngestStatus::AlreadyPresent)),
        || format!("{third:?}"),
    );
    let swapped = SealedProduct {
        name: format!("x-{}", good.name),
        location: other.location.clone(),
        ..good.clone()
    };
    let damaged = ingestor.ingest(&swapped, IngestOptions::new()).await;
    report.check(
        "a content that is not what was sealed is refused",
        damaged.is_err(),
        || format!("{damaged:?}"),
    );
    if let Some(bad) = bad {
        let refused = ingestor.check(bad).await;
        report.check(
            "a refusal lists all faults at once",
            matches!(&refused, Err(IngestError::Refused { faults, .. }) if faults.len() >= 2),
            || format!("{refused:?}"),
        );
        report.check(
            "what is refused is not ingested",
            ingestor.ingest(bad, IngestOptions::new()).await.is_err(),
            || "it was ingested".into(),
        );
    }
    report
}
