//! From a location to a store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, S3CopyIfNotExists};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use url::Url;

use super::{Store, StoreError, StoreLayout};

/// How to reach a store; what is not given comes from the usual `AWS_*` environment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct StoreOptions {
    endpoint: Option<String>,
    region: Option<String>,
    credentials: Option<(String, String)>,
    allow_http: bool,
    create: bool,
    layout: StoreLayout,
}

impl StoreOptions {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the address of an S3 server other than Amazon's.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Sets the region.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Sets key and secret.
    #[must_use]
    pub fn with_credentials(mut self, key: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials = Some((key.into(), secret.into()));
        self
    }

    /// Allows an endpoint without encryption; one on this machine is always allowed.
    #[must_use]
    pub fn with_allow_http(mut self, allow_http: bool) -> Self {
        self.allow_http = allow_http;
        self
    }

    /// Creates a local folder that is not there.
    #[must_use]
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Replaces the layout.
    #[must_use]
    pub fn with_layout(mut self, layout: StoreLayout) -> Self {
        self.layout = layout;
        self
    }
}

/// Deliveries and fetches try again themselves; the client's own ten tries of up to three minutes each would multiply.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(30),
    }
}

fn is_loopback(endpoint: &str) -> bool {
    Url::parse(endpoint).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}

fn invalid(location: &str, reason: impl std::fmt::Display) -> StoreError {
    StoreError::Invalid {
        location: location.to_owned(),
        reason: reason.to_string(),
    }
}

impl Store {
    /// Opens a store: a plain path, `file://`, `s3://bucket/prefix` or `memory://` (fresh and empty).
    ///
    /// # Contract
    /// * No network request is made; an unreachable server shows at the first use.
    /// * A local folder must exist, unless the options ask to create it.
    ///
    /// # Errors
    /// `Invalid` for another scheme or an incomplete configuration, `NotFound`, `Local` or `Denied` for a local folder.
    pub fn open(location: &str, options: &StoreOptions) -> Result<Self, StoreError> {
        match location.split_once("://") {
            None => open_folder(Path::new(location), location, options),
            Some(("file", _)) => {
                let path = Url::parse(location)
                    .map_err(|error| invalid(location, error))?
                    .to_file_path()
                    .map_err(|()| invalid(location, "it is no local path"))?;
                open_folder(&path, location, options)
            }
            Some(("s3", _)) => open_s3(location, options),
            Some(("memory", _)) => Ok(Self::in_memory().with_layout(options.layout.clone())),
            Some((scheme, _)) => Err(invalid(location, format!("scheme {scheme} is not file, s3 or memory"))),
        }
    }

    /// Returns a fresh store that lives as long as the value.
    pub fn in_memory() -> Self {
        Self::over(Arc::new(InMemory::new()), "memory://store")
    }

    /// Wraps any object store; `url` is what addresses begin with.
    pub fn over(inner: Arc<dyn ObjectStore>, url: &str) -> Self {
        Self::assemble(inner, ObjectPath::default(), url, None)
    }
}

fn open_folder(path: &Path, location: &str, options: &StoreOptions) -> Result<Store, StoreError> {
    if options.create {
        std::fs::create_dir_all(path).map_err(|source| StoreError::local(path, source))?;
    }
    let root: PathBuf = path.canonicalize().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => StoreError::NotFound {
            address: location.to_owned(),
        },
        _ => StoreError::local(path, source),
    })?;
    if !root.is_dir() {
        return Err(invalid(location, "it is no folder"));
    }
    let inner = LocalFileSystem::new_with_prefix(&root)
        .map_err(|error| super::error::sort(location, error))?
        .with_fsync(true)
        .with_automatic_cleanup(true);
    let url = Url::from_directory_path(&root).map_err(|()| invalid(location, "it is no absolute path"))?;
    Ok(
        Store::assemble(Arc::new(inner), ObjectPath::default(), url.as_str(), Some(root))
            .with_layout(options.layout.clone()),
    )
}

fn open_s3(location: &str, options: &StoreOptions) -> Result<Store, StoreError> {
    let url = Url::parse(location).map_err(|error| invalid(location, error))?;
    let bucket = url.host_str().ok_or_else(|| invalid(location, "it names no bucket"))?;
    let prefix = ObjectPath::from_url_path(url.path()).map_err(|error| invalid(location, error))?;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(retry());
    let endpoint = options.endpoint.clone().or_else(|| {
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .find_map(|name| std::env::var(name).ok())
    });
    if let Some(endpoint) = &endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    if options.allow_http || endpoint.as_deref().is_some_and(is_loopback) {
        builder = builder.with_allow_http(true);
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region.clone());
    }
    if let Some((key, secret)) = &options.credentials {
        builder = builder
            .with_access_key_id(key.clone())
            .with_secret_access_key(secret.clone());
    }
    let inner = builder.build().map_err(|error| super::error::sort(location, error))?;
    let root = format!("s3://{bucket}/{prefix}");
    Ok(Store::assemble(Arc::new(inner), prefix, &root, None).with_layout(options.layout.clone()))
}

#[cfg(test)]
mod tests {
    use super::{Store, StoreError, StoreOptions, is_loopback};

    #[test]
    fn only_an_endpoint_on_this_machine_may_do_without_encryption() {
        assert!(is_loopback("http://127.0.0.1:5000"));
        assert!(is_loopback("http://localhost:5000"));
        assert!(is_loopback("http://[::1]:5000"));
        assert!(!is_loopback("http://127.0.0.1.example.org"));
    }

    #[test]
    fn a_location_that_names_no_store_is_refused() {
        let open = |location: &str| Store::open(location, &StoreOptions::new());
        assert!(matches!(open("gopher://x"), Err(StoreError::Invalid { .. })));
        assert!(matches!(open("/no/such/folder"), Err(StoreError::NotFound { .. })));
        assert!(matches!(open("/dev/null"), Err(StoreError::Invalid { .. })));
    }
}
