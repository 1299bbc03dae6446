//! A private broker's life: start, a vhost of one's own, kill, start again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use private_broker::{PrivateBroker, Release, Settings};

#[test]
fn an_installed_release_survives_kill_and_stop() {
    survives_kill_and_stop(Release::Installed, "3.");
}

#[test]
fn a_release_from_debian_13_survives_kill_and_stop() {
    survives_kill_and_stop(Release::Debian13, "4.");
}

fn survives_kill_and_stop(release: Release, version: &str) {
    let settings = Settings {
        release,
        management: true,
        ..Settings::default()
    };
    let began = Instant::now();
    let mut broker = PrivateBroker::start(&settings).unwrap();
    println!("{release:?} with management: up in {:?}", began.elapsed());
    let overview = broker.management().unwrap().get("/overview").unwrap();
    assert!(
        overview.contains(&format!(r#""rabbitmq_version":"{version}"#)),
        "{overview}"
    );

    let began = Instant::now();
    let vhost = broker.vhost("kept").unwrap();
    println!("a vhost with two users: {:?}", began.elapsed());
    let path = format!("/vhosts/{}", vhost.name());

    let (port, id) = (broker.port(), broker.id());
    broker.kill().unwrap();
    assert!(
        broker.management().unwrap().get(&path).is_err(),
        "it should be dead"
    );
    let began = Instant::now();
    broker.start_again().unwrap();
    println!("again after kill -9: {:?}", began.elapsed());
    assert_ne!(broker.id(), id);
    assert_eq!(broker.port(), port);
    broker.management().unwrap().get(&path).unwrap();

    let began = Instant::now();
    broker.stop().unwrap();
    println!("orderly stop: {:?}", began.elapsed());
    broker.start_again().unwrap();
    broker.management().unwrap().get(&path).unwrap();

    drop(vhost);
    assert!(
        broker.management().unwrap().get(&path).is_err(),
        "the vhost should be gone"
    );
    let folder = broker.folder().to_owned();
    drop(broker);
    assert!(!folder.exists());
}

#[test]
fn a_node_that_does_not_start_says_why() {
    let mut broker = PrivateBroker::start(&Settings::default()).unwrap();
    fs::write(
        broker.folder().join("rabbitmq.conf"),
        "no_such_setting = 1\n",
    )
    .unwrap();
    let error = broker.start_again().unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
    println!("{error}");
}

#[test]
fn the_tls_listener_proves_itself_by_its_own_authority() {
    let broker = PrivateBroker::start(&Settings {
        tls: true,
        ..Settings::default()
    })
    .unwrap();
    let address = broker.tls_url().unwrap();
    let port = address
        .rsplit_once(':')
        .unwrap()
        .1
        .split('/')
        .next()
        .unwrap();
    let mut look = Command::new("openssl");
    look.args([
        "s_client",
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
    ])
    .args(["-connect", &format!("127.0.0.1:{port}"), "-CAfile"])
    .arg(broker.tls_authority());
    let mut prove = || look.stdin(Stdio::null()).output().unwrap();
    let mut proof = prove();
    // On a machine that stands still for seconds, a node gives up a connection in the middle. A
    // wrong certificate stays wrong.
    for _ in 0..5 {
        if !proof.status.success() {
            proof = prove();
        }
    }
    assert!(
        proof.status.success(),
        "{}",
        String::from_utf8_lossy(&proof.stderr)
    );
}
