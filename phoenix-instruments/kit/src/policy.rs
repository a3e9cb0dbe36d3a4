//! An ingestor that holds products to an instrument's policy before a transport sees them.

use std::sync::Arc;

use async_trait::async_trait;
use phoenix_core::product::SealedProduct;
use phoenix_core::traits::{IngestCapability, IngestError, IngestOptions, IngestReceipt, Ingestor, MASTER_CATEGORY};

/// What an instrument lets into an archive; its certified masters always may go.
#[derive(Debug, Clone)]
pub struct Policy {
    /// `INSTRUME`.
    pub instrument: String,
    /// The first letters of the name of every product for science, e.g. `MU_`.
    pub name_prefix: String,
    /// Categories that may go, each with the companions that it must have.
    pub categories: Vec<(String, Vec<String>)>,
}

impl Policy {
    /// Returns every fault of a product, in a fixed order.
    pub fn faults(&self, product: &SealedProduct) -> Vec<String> {
        let mut faults = Vec::new();
        match product.header.str("INSTRUME") {
            Ok(found) if found == self.instrument => {}
            Ok(found) => faults.push(format!("key INSTRUME is {found}, expected {}", self.instrument)),
            Err(error) => faults.push(error.to_string()),
        }
        let forbidden = product.caveats.iter().filter(|caveat| caveat.forbids_delivery());
        let forbidden = forbidden.map(ToString::to_string);
        if product.category == MASTER_CATEGORY {
            let begin = format!("M.{}.", self.instrument);
            if !product.name.starts_with(&begin) {
                faults.push(format!("name {} does not begin with {begin}", product.name));
            }
            faults.extend(forbidden);
            return faults;
        }
        if !product.name.starts_with(&self.name_prefix) {
            faults.push(format!(
                "name {} does not begin with {}",
                product.name, self.name_prefix
            ));
        }
        match self
            .categories
            .iter()
            .find(|(category, _)| *category == product.category)
        {
            None => faults.push(format!("category {} is not delivered", product.category)),
            Some((_, companions)) => {
                for wanted in companions {
                    if !product.companions.iter().any(|companion| companion.category == *wanted) {
                        faults.push(format!("companion {wanted} is missing"));
                    }
                }
            }
        }
        for companion in &product.companions {
            if !companion.name.starts_with(&self.name_prefix) {
                faults.push(format!(
                    "companion {} does not begin with {}",
                    companion.name, self.name_prefix
                ));
            }
        }
        faults.extend(forbidden);
        faults
    }
}

/// A transport behind a policy.
#[derive(Debug)]
pub struct PolicyIngestor {
    policy: Policy,
    transport: Arc<dyn Ingestor>,
}

impl PolicyIngestor {
    /// Puts a policy in front of a transport.
    pub fn new(policy: Policy, transport: Arc<dyn Ingestor>) -> Self {
        Self { policy, transport }
    }
}

#[async_trait]
impl Ingestor for PolicyIngestor {
    fn capability(&self) -> IngestCapability {
        self.transport.capability()
    }

    async fn check(&self, product: &SealedProduct) -> Result<(), IngestError> {
        let mut faults = self.policy.faults(product);
        match self.transport.check(product).await {
            Ok(()) => {}
            Err(IngestError::Refused { faults: more, .. }) => faults.extend(more),
            Err(error) if faults.is_empty() => return Err(error),
            Err(error) => faults.push(error.to_string()),
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(IngestError::Refused {
                name: product.name.clone(),
                faults,
            })
        }
    }

    async fn ingest(&self, product: &SealedProduct, options: IngestOptions) -> Result<IngestReceipt, IngestError> {
        self.check(product).await?;
        self.transport.ingest(product, options).await
    }
}
