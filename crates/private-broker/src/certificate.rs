//! A certificate authority of one's own, a server certificate for the loopback interface, and a
//! client's.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// Makes an authority, a server certificate for `localhost` and 127.0.0.1, and a client's: writes
/// `ca.pem`, `server.pem` and `server.key`, `client.pem` and `client.key` (and the authority's
/// key) into `folder`.
///
/// # Errors
///
/// When openssl is not there or refuses.
pub fn write_certificates(folder: &Path) -> Result<(), Error> {
    const NEW: &str = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 30";
    openssl(
        folder,
        &format!("{NEW} -subj /CN=private-broker-ca -keyout ca.key -out ca.pem"),
    )?;
    openssl(
        folder,
        &format!(
            "{NEW} -subj /CN=localhost -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem \
             -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
             -addext basicConstraints=critical,CA:FALSE"
        ),
    )?;
    openssl(
        folder,
        &format!(
            "{NEW} -subj /CN=client -CA ca.pem -CAkey ca.key -keyout client.key -out client.pem \
             -addext basicConstraints=critical,CA:FALSE"
        ),
    )
}

/// Whether a handshake on this port of 127.0.0.1 is done within 5 s; no certificate is checked.
pub(crate) fn answers_tls(port: u16) -> bool {
    let address = format!("127.0.0.1:{port}");
    let handshake = Command::new("timeout")
        .args(["5", "openssl", "s_client", "-connect", &address])
        .stdin(Stdio::null())
        .output();
    handshake.is_ok_and(|output| output.status.success())
}

fn openssl(folder: &Path, arguments: &str) -> Result<(), Error> {
    let failed = |reason: String| Error::Command {
        command: "openssl".to_owned(),
        reason,
    };
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("{error}; install the package openssl")))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
