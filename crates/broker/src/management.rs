//! The management HTTP API: what the broker really has, and what AMQP cannot change.
//!
//! Only endpoints of one vhost are asked, so that a user with the tag `management` and access
//! to the vhost is enough to read exchanges, queues, bindings and policies.

mod endpoint;
mod error;
mod live;
mod password;
mod wire;
mod write;

use std::time::Duration;

use reqwest::{Client, Method, Response, Url};

pub use endpoint::ManagementEndpoint;
pub use error::ManagementError;
pub use live::Live;
pub use password::PasswordHash;

/// The largest answer that is read: the bindings of some hundred thousand queues.
const MAX_ANSWER: usize = 512 * 1024 * 1024;

/// The pauses before a request that may be repeated is sent again.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
];

/// A client of one vhost's part of the management API.
#[derive(Clone)]
pub struct Management {
    client: Client,
    endpoint: ManagementEndpoint,
    vhost: String,
}

impl Management {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn new(endpoint: &ManagementEndpoint, vhost: &str) -> Result<Self, ManagementError> {
        Ok(Self {
            client: endpoint.client()?,
            endpoint: endpoint.clone(),
            vhost: vhost.to_owned(),
        })
    }

    /// The name that the cluster gives itself, by which two addresses can be told to be one.
    /// Asked once, so that it is soon known whether there is a management API.
    ///
    /// # Errors
    /// When it does not answer or does not let us in.
    pub async fn cluster_name(&self) -> Result<String, ManagementError> {
        #[derive(serde::Deserialize)]
        struct Overview {
            cluster_name: String,
        }
        let answer = self
            .once(Method::GET, self.url(&["overview"]), None)
            .await?;
        let overview: Overview = self.understand(&answer)?;
        Ok(overview.cluster_name)
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ManagementError> {
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let body = self.send(Method::GET, url, None).await?;
        self.understand(&body)
    }

    fn understand<T: serde::de::DeserializeOwned>(
        &self,
        body: &[u8],
    ) -> Result<T, ManagementError> {
        serde_json::from_slice(body).map_err(|error| {
            let place = &self.endpoint;
            ManagementError::Answer(format!("what {place} answers is unexpected: {error}"))
        })
    }

    /// The address, as messages show it.
    #[must_use]
    pub fn endpoint(&self) -> &ManagementEndpoint {
        &self.endpoint
    }

    /// The vhost that it is asked about.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    async fn put(&self, path: &[&str], body: &serde_json::Value) -> Result<(), ManagementError> {
        let sent = self.send(Method::PUT, self.url(path), Some(body)).await;
        sent.map(|_| ())
    }

    /// Deletes; what is gone already is no error.
    async fn delete(&self, path: &[&str]) -> Result<(), ManagementError> {
        match self.send(Method::DELETE, self.url(path), None).await {
            Ok(_) | Err(ManagementError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request, again when that is safe and may help.
    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&serde_json::Value>,
    ) -> Result<Vec<u8>, ManagementError> {
        let again = method != Method::POST;
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.once(method.clone(), url.clone(), body).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match pauses.next() {
                Some(pause) if again && error.may_pass() => tokio::time::sleep(*pause).await,
                _ => return Err(error),
            }
        }
    }

    async fn once(
        &self,
        method: Method,
        url: Url,
        body: Option<&serde_json::Value>,
    ) -> Result<Vec<u8>, ManagementError> {
        let mut request = self.client.request(method, url);
        request = request.basic_auth(&self.endpoint.user, Some(&self.endpoint.password));
        if let Some(body) = body {
            request = request
                .header(reqwest::header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let lost = |error: &reqwest::Error| ManagementError::unreachable(&self.endpoint, error);
        let response = request.send().await.map_err(|error| lost(&error))?;
        let status = response.status();
        let answer = read(response, &lost).await?;
        if status.is_success() {
            return Ok(answer);
        }
        Err(ManagementError::refused(&self.endpoint, status, &answer))
    }

    /// `/api/..`, each segment percent-encoded.
    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.endpoint.url.clone();
        // Only a URL that cannot be a base has no segments, and the endpoint has none of those.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        url
    }
}

async fn read(
    mut response: Response,
    lost: &impl Fn(&reqwest::Error) -> ManagementError,
) -> Result<Vec<u8>, ManagementError> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if answer.len() + chunk.len() > MAX_ANSWER {
            return Err(ManagementError::Answer(format!(
                "an answer has more than {} MiB",
                MAX_ANSWER >> 20
            )));
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}
