//! A virtual host for one test, with users of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;
use crate::management::Management;

/// A fresh virtual host. It is deleted, with its users and all that is in it, when dropped.
///
/// It has two users. The owner may do everything in it. The guest may read and write everything
/// and configure nothing, so whoever works as the guest provably creates no durable object.
#[derive(Debug)]
pub struct Vhost {
    name: String,
    amqp: u16,
    amqps: Option<u16>,
    management: Management,
}

impl Vhost {
    /// Creates it; `label` becomes part of its name (letters, digits, `_` and `-` are kept).
    pub(crate) fn create(
        management: &Management,
        (amqp, amqps): (u16, Option<u16>),
        label: &str,
    ) -> Result<Self, Error> {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let kept = |letter: &char| letter.is_ascii_alphanumeric() || "_-".contains(*letter);
        let label: String = label.chars().filter(kept).collect();
        let vhost = Self {
            name: format!("{label}-{}", CREATED.fetch_add(1, Ordering::Relaxed)),
            amqp,
            amqps,
            management: management.clone(),
        };
        management.put(&format!("/vhosts/{}", vhost.name), "{}")?;
        for (role, configure) in [(OWNER, ".*"), (GUEST, "^$")] {
            let (name, user, password) = (&vhost.name, vhost.user(role), password(role));
            let user_body = format!(r#"{{"password":"{password}","tags":""}}"#);
            let rights = format!(r#"{{"configure":"{configure}","write":".*","read":".*"}}"#);
            management.put(&format!("/users/{user}"), &user_body)?;
            management.put(&format!("/permissions/{name}/{user}"), &rights)?;
        }
        Ok(vhost)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The AMQP URL of the user who may do everything in it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(OWNER)
    }

    /// The AMQP URL of the user who may read and write and create nothing.
    #[must_use]
    pub fn guest_url(&self) -> String {
        self.url_of(GUEST)
    }

    /// What the management API lists of a kind of object in it, as `queues` or `bindings`: JSON.
    ///
    /// # Errors
    ///
    /// When the node does not answer.
    pub fn list(&self, kind: &str) -> Result<String, Error> {
        self.management.get(&format!("/{kind}/{}", self.name))
    }

    /// Creates an object in it through the management API: `path` as in `queues/NAME`, `body`
    /// as JSON. For objects that are not to come from our own programs.
    ///
    /// # Errors
    ///
    /// When the node refuses.
    pub fn create_object(&self, path: &str, body: &str) -> Result<(), Error> {
        let (kind, name) = path.split_once('/').unwrap_or((path, ""));
        self.management
            .put(&format!("/{kind}/{}/{name}", self.name), body)
            .map(|_| ())
    }

    /// The same over TLS, if the node listens for it: see
    /// [`PrivateBroker::tls_authority`](crate::PrivateBroker::tls_authority).
    #[must_use]
    pub fn tls_guest_url(&self) -> Option<String> {
        let address = format!("localhost:{}", self.amqps?);
        Some(self.address("amqps", GUEST, &address))
    }

    fn url_of(&self, role: &str) -> String {
        self.address("amqp", role, &format!("127.0.0.1:{}", self.amqp))
    }

    fn address(&self, scheme: &str, role: &str, address: &str) -> String {
        format!(
            "{scheme}://{}:{}@{address}/{}",
            self.user(role),
            password(role),
            self.name
        )
    }

    fn user(&self, role: &str) -> String {
        format!("{}-{role}", self.name)
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        // Best effort: the broker may just have been killed, and it is thrown away in the end.
        let _ = self.management.delete(&format!("/vhosts/{}", self.name));
        for role in [OWNER, GUEST] {
            let _ = self
                .management
                .delete(&format!("/users/{}", self.user(role)));
        }
    }
}

const OWNER: &str = "owner";
const GUEST: &str = "guest";

/// A word that tests can search for where no password may ever stand.
fn password(role: &str) -> String {
    format!("secret-of-{role}")
}
