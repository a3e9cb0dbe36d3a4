//! Deliveries into S3, served by moto on this machine.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use phoenix_core::traits::{IngestError, IngestOptions, IngestStatus, Ingestor};
use phoenix_testkit::{conformance, peers};

use super::sealed::{assert_complete, content, lonely, product, write};
use crate::fetch::{FetchOptions, FetchOrigin, fetch};
use crate::store::{PutOutcome, Store, StoreOptions};
use crate::transport::ObjectTransport;

/// A server that dies with the test.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn request(port: u16, method: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let text =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

impl Server {
    fn start() -> Option<Self> {
        let python = peers::python(&["moto", "flask"])?;
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a port")
            .port();
        let process = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let server = Self { process, port };
        for _ in 0..300 {
            let made = request(port, "PUT", "/archive").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"));
            if made {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("moto does not answer");
    }

    fn store(&self, prefix: &str) -> Store {
        let options = StoreOptions::new()
            .with_endpoint(format!("http://127.0.0.1:{}", self.port))
            .with_region("us-east-1")
            .with_credentials("key", "secret");
        Store::open(&format!("s3://archive/{prefix}"), &options).expect("store")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_keeps_the_contract_of_deliveries_and_of_fetching() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().expect("folder");

    let (good, other) = (lonely(folder.path(), 1), lonely(folder.path(), 2));
    let transport = ObjectTransport::new(Arc::new(server.store("contract")));
    conformance::ingestor(&transport, &good, &other, None)
        .await
        .assert_clean();
    assert_complete(transport.store(), &[good]).await;

    // Several pieces, and a name with colons.
    let large = product(folder.path(), 3, 40 << 20);
    let transport = ObjectTransport::new(Arc::new(server.store("large")));
    let receipt = transport.ingest(&large, IngestOptions::new()).await.expect("stored");
    assert_eq!(
        receipt.address,
        format!("s3://archive/large/products/MUSE/1000/{}", large.name)
    );
    assert_complete(transport.store(), std::slice::from_ref(&large)).await;

    let cache = folder.path().join("cache");
    let fetched = fetch(
        transport.store(),
        &receipt.address,
        Some(&large.digest),
        &cache,
        &FetchOptions::new(),
    )
    .await
    .expect("fetched");
    assert_eq!(fetched.origin, FetchOrigin::Transferred);

    // As large as S3 does not copy in one piece: claimed, then sent to its final key.
    let transport = ObjectTransport::new(Arc::new(server.store("claimed").with_copy_limit(1 << 20)));
    let receipt = transport.ingest(&large, IngestOptions::new()).await.expect("stored");
    assert_eq!(receipt.status, IngestStatus::Stored);
    assert_complete(transport.store(), &[large]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_of_one_key_on_s3_one_wins_and_the_other_is_told() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().expect("folder");
    let store = server.store("race");
    assert_eq!(store.put_new("a", "first").await.ok(), Some(PutOutcome::Stored));
    assert_eq!(store.put_new("a", "second").await.ok(), Some(PutOutcome::Exists));
    assert_eq!(store.read("a").await.ok(), Some(b"first".to_vec()));
    for (n, expected) in [(1, PutOutcome::Stored), (2, PutOutcome::Exists)] {
        let (path, digest, size) = write(folder.path(), &format!("b{n}"), &content(n, 100_000));
        let outcome = store.put_file_new("b", path.as_ref(), &digest, size).await;
        assert_eq!(outcome.expect("answered"), expected);
    }
    let (digest, _) = store.digest("b").await.expect("read");
    let (_, first, _) = write(folder.path(), "b1", &content(1, 100_000));
    assert_eq!(digest, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_and_a_bucket_that_is_not_there_are_told_apart() {
    let folder = tempfile::tempdir().expect("folder");
    let sealed = lonely(folder.path(), 1);
    let options = |port: u16| {
        StoreOptions::new()
            .with_endpoint(format!("http://127.0.0.1:{port}"))
            .with_region("us-east-1")
            .with_credentials("key", "secret")
    };
    // Port 9 (discard) is not served.
    let away = Store::open("s3://archive", &options(9)).expect("store");
    let error = ObjectTransport::new(Arc::new(away))
        .ingest(&sealed, IngestOptions::new())
        .await
        .expect_err("away");
    assert!(matches!(error, IngestError::Unavailable { .. }), "{error:?}");
    let Some(server) = Server::start() else { return };
    let missing = Store::open("s3://no-such-bucket", &options(server.port)).expect("store");
    let error = ObjectTransport::new(Arc::new(missing))
        .ingest(&sealed, IngestOptions::new())
        .await
        .expect_err("no bucket");
    assert!(matches!(error, IngestError::NotWritable { .. }), "{error:?}");
}
