//! A service account, and the access tokens that Google gives for its signature (RFC 7523).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    config::Secret,
    sink::{
        http::{Http, Request, check_url},
        jwt::Key,
    },
};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What is signed is good for so long: Google takes an hour at most.
const SIGNED_FOR: Duration = Duration::from_secs(3600);
/// An access token is renewed so long before its end.
const MARGIN: Duration = Duration::from_secs(300);
/// How long one lasts when Google does not say.
const USUAL: u64 = 3600;

/// What a service account's JSON file holds.
pub(super) struct Account {
    pub(super) project: String,
    email: String,
    key: Key,
    token_url: Url,
}

impl Account {
    /// Takes the file's text.
    ///
    /// # Errors
    /// Words that repeat nothing of it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let file: Value =
            serde_json::from_str(text).map_err(|_| "names a file that is no service account")?;
        let field = |name: &str| file[name].as_str().filter(|text| !text.is_empty());
        let project = field("project_id").ok_or("names an account without project_id")?;
        let email = field("client_email").ok_or("names an account without client_email")?;
        let key = field("private_key").ok_or("names an account without private_key")?;
        let token_url = field("token_uri").unwrap_or("https://oauth2.googleapis.com/token");
        Ok(Self {
            project: project.to_owned(),
            email: email.to_owned(),
            key: Key::rs256(key)?,
            token_url: check_url(token_url, true, false)
                .map_err(|_| "names an account whose token_uri is not https")?,
        })
    }

    /// The signed request for an access token.
    pub(super) fn assertion(&self, url: &Url, now: SystemTime) -> Result<String, &'static str> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": url.as_str(),
            "iat": issued.as_secs(),
            "exp": (issued + SIGNED_FOR).as_secs(),
        });
        self.key.sign(None, &claims)
    }
}

/// Fetches access tokens, and keeps the last one while it lasts.
pub(super) struct AccessTokens {
    account: Account,
    url: Url,
    last: Mutex<Option<(Secret, SystemTime)>>,
}

impl AccessTokens {
    /// `url` instead of the account's own.
    pub(super) fn new(account: Account, url: Option<Url>) -> Self {
        Self {
            url: url.unwrap_or_else(|| account.token_url.clone()),
            account,
            last: Mutex::default(),
        }
    }

    /// The token to use at `now`. Those who come together wait for one answer.
    ///
    /// # Errors
    /// Why there is none, in words without secrets.
    pub(super) async fn current(&self, http: &Http, now: SystemTime) -> Result<Secret, String> {
        let mut last = self.last.lock().await;
        if let Some((token, until)) = &*last
            && now < *until
        {
            return Ok(token.clone());
        }
        let (token, lasts) = self.fetch(http, now).await?;
        *last = Some((token.clone(), now + lasts.saturating_sub(MARGIN)));
        Ok(token)
    }

    /// The provider does not take the current one any more.
    pub(super) async fn forget(&self) {
        *self.last.lock().await = None;
    }

    async fn fetch(&self, http: &Http, now: SystemTime) -> Result<(Secret, Duration), String> {
        let fault = |words: &str| format!("no access token: {words}");
        let assertion = self.account.assertion(&self.url, now).map_err(fault)?;
        let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let reply = http.ask(Request::post(self.url.clone()).form(&form)).await;
        let reply = reply.map_err(|why| fault(&why))?;
        let body = reply.json();
        let token = body["access_token"].as_str().and_then(Secret::new);
        match token {
            Some(token) if reply.status == 200 => {
                let lasts = body["expires_in"].as_u64().unwrap_or(USUAL);
                Ok((token, Duration::from_secs(lasts.min(86_400))))
            }
            _ => Err(fault(&format!("answered {}", reply.status))),
        }
    }
}
