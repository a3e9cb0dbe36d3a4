//! Kinds of archive: packed frames, raw frames only, a folder that is not there, S3.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod stage;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use phoenix::core::header::Header;
use phoenix::core::product::Product;
use phoenix::io::write_product;
use phoenix::sim::night::SINGLE_OBS_ID;
use phoenix_testkit::peers;
use stage::{NIGHT, Stage, files, has_extension, job, names};

/// The delivered files but for what names the archive itself.
fn delivered(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files(&folder.join("products"))
}

#[test]
fn frames_packed_by_gzip_give_the_same_bits_as_plain_ones() {
    let Some(gzip) = peers::program("gzip") else { return };
    let stage = Stage::with_night();
    stage.run("plain", &["--deliver-to", "plain-store"]).json_with(0);
    for table in stage.tables(SINGLE_OBS_ID) {
        let packed = Command::new(&gzip).arg("-1").arg(&table).status().expect("gzip runs");
        assert!(packed.success());
    }
    let document = stage.run("packed", &["--deliver-to", "packed-store"]).json_with(0);
    assert_eq!(job(&document, "_pst:")["stage"], "ingested");
    let data = |store: &str| -> Vec<Vec<u8>> {
        let folder = stage.path().join(store);
        let images = delivered(&folder)
            .into_iter()
            .filter(|(name, _)| has_extension(name, "png"));
        images.map(|(_, bytes)| bytes).collect()
    };
    assert!(data("plain-store") == data("packed-store") && !data("plain-store").is_empty());
}

/// A raw MUSE exposure as far as planning reads it.
fn raw(date: &str, catg: &str, kind: &str, more: &[(&str, &str)]) -> Product {
    let mut header = Header::new();
    header.set("INSTRUME", "MUSE", "");
    header.set("DATE-OBS", date, "");
    header.set("EXPTIME", 600.0, "");
    for (key, value) in [
        ("DPR.CATG", catg),
        ("DPR.TYPE", kind),
        ("DPR.TECH", "IFU"),
        ("INS.MODE", "WFM-NOAO-N"),
    ] {
        header.set(key, value, "");
    }
    for (key, value) in more {
        header.set(*key, *value, "");
    }
    Product {
        tag: "RAW".into(),
        name: format!("MUSE.{date}.fits"),
        header,
        hdus: Vec::new(),
    }
}

#[test]
fn a_night_of_raw_frames_is_planned_and_tells_which_backend_it_needs() {
    let stage = Stage::empty();
    std::fs::create_dir_all(stage.raw()).expect("made");
    let block = [("OBS.ID", "200123456"), ("TPL.START", "2016-05-02T03:00:00")];
    let calib = [("TPL.START", "2016-05-01T20:00:00")];
    let frames = [
        raw("2016-05-01T20:00:01.000", "CALIB", "BIAS", &calib),
        raw("2016-05-01T20:01:01.000", "CALIB", "BIAS", &calib),
        raw("2016-05-01T20:02:01.000", "CALIB", "BIAS", &calib),
        raw("2016-05-02T03:00:10.000", "SCIENCE", "OBJECT", &block),
        raw("2016-05-02T03:12:10.000", "SCIENCE", "OBJECT", &block),
    ];
    for frame in frames {
        let path = stage.raw().join(&frame.name);
        write_product(&path, frame).expect("written");
    }
    let words = ["plan", "--instrument", "MUSE", "--night", NIGHT, "--archive", "store"];
    let plan = stage.phoenix(&words);
    assert_eq!(plan.code, Some(1), "{}{}", plan.out, plan.err);
    assert!(plan.out.contains("needs the esorex backend"), "{}", plan.out);
    let document = stage.run("run", &[]).json_with(1);
    let jobs = document["jobs"].as_array().expect("jobs");
    for task in ["muse_bias", "muse_scibasic", "muse_scipost"] {
        assert!(
            jobs.iter()
                .any(|job| job["job"].as_str().is_some_and(|id| id.ends_with(task))),
            "no {task} in {document:#}"
        );
    }
    assert!(!stage.store().join("products").exists());
}

#[test]
fn a_store_for_deliveries_that_is_not_there_yet_is_made() {
    let stage = Stage::with_night();
    stage.run("run", &["--deliver-to", "new/deeper"]).json_with(0);
    assert!(names(&stage.path().join("new/deeper/products")).len() >= 6);
}

/// moto, filled with a folder; it dies with the test.
struct Server {
    process: Child,
    endpoint: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves S3 on a free port, uploads a folder on demand, lists what is there.
const SERVE: &str = "
import os, sys, boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f'http://127.0.0.1:{port}'
client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id='key', aws_secret_access_key='secret')
client.create_bucket(Bucket='paranal')
root = sys.argv[1]
for folder, _, names in os.walk(root):
    for name in names:
        path = os.path.join(folder, name)
        client.upload_file(path, 'paranal', 'muse/' + os.path.relpath(path, root))
print(endpoint, flush=True)
for line in sys.stdin:
    for page in client.get_paginator('list_objects_v2').paginate(Bucket='paranal', Prefix='muse/'):
        for entry in page.get('Contents', []):
            print(entry['Key'][len('muse/'):], flush=True)
    print('', flush=True)
";

#[test]
fn a_night_in_s3_gives_the_same_products_as_one_on_disk() {
    let Some(python) = peers::python(&["moto", "flask", "boto3"]) else {
        return;
    };
    let stage = Stage::with_night();
    let mut process = Command::new(python)
        .args(["-c", SERVE])
        .arg(stage.store())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python starts");
    let mut answers = BufReader::new(process.stdout.take().expect("piped")).lines();
    let mut orders = process.stdin.take().expect("piped");
    let endpoint = answers.next().expect("an address").expect("text");
    let server = Server { process, endpoint };
    let remote = |words: &[&str]| {
        let mut command = stage.command(words);
        command.env("AWS_ENDPOINT_URL", &server.endpoint);
        command
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_REGION", "us-east-1");
        stage::End::from(command.output().expect("the command runs"))
    };
    let mut words = Stage::run_words("far", &[]);
    let archive = words.iter().position(|word| *word == "store").expect("an archive");
    words[archive] = "s3://paranal/muse";
    remote(&words).json_with(0);
    stage.run("near", &["--deliver-to", "near-store"]).json_with(0);

    orders.write_all(b"list\n").expect("asked");
    let listed: Vec<String> = answers
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .filter(|name| name.starts_with("products/"))
        .collect();
    let expected: Vec<String> = names(&stage.path().join("near-store"))
        .into_iter()
        .filter(|name| name.starts_with("products/"))
        .collect();
    assert_eq!(listed, expected);
    let cubes = |run: &str| -> Vec<Vec<u8>> {
        let work = files(&stage.path().join(run).join("work"));
        let is_made = |name: &str| has_extension(name, "fits") && !name.starts_with("cache/");
        let cubes = work.into_iter().filter(|(name, _)| is_made(name));
        cubes.map(|(_, bytes)| bytes).collect()
    };
    assert!(cubes("far") == cubes("near") && !cubes("near").is_empty());
    let again = remote(&["resume", "far", "--json"]).json_with(0);
    assert_eq!(job(&again, "_tpl:")["attempts"], 1);
}
