//! APNs and FCM: nothing is taken without a token that is signed with the sender's key.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use hyper::Version;
use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, Verdict, field, form, header};
use crate::token::Verifier;

/// What the token endpoint gives out.
const ACCESS: &str = "access-that-was-granted";

/// The keys of the senders.
pub(crate) struct Push {
    apns: Verifier,
    fcm: Verifier,
}

impl Push {
    pub(super) fn of(folder: &Path) -> Result<Self> {
        Ok(Self {
            apns: Verifier::es256(&folder.join("apns.public"))?,
            fcm: Verifier::rs256(&folder.join("fcm.public"))?,
        })
    }

    pub(super) fn apns(&self, parts: &Parts, body: &str) -> Result<Verdict> {
        ensure!(parts.version == Version::HTTP_2, "APNs speaks HTTP/2 only");
        let (scheme, token) = header(parts, "authorization")
            .split_once(' ')
            .unwrap_or_default();
        ensure!(scheme.eq_ignore_ascii_case("bearer"), "no bearer");
        if let Err(error) = self.apns_token(token) {
            let reason = json!({"reason": "InvalidProviderToken", "why": format!("{error:#}")});
            return Ok(Verdict::Answer(Reply::json(403, &reason)));
        }
        ensure!(header(parts, "apns-push-type") == "alert", "apns-push-type");
        ensure!(!header(parts, "apns-topic").is_empty(), "apns-topic");
        ensure!(
            header(parts, "apns-collapse-id").len() <= 64,
            "apns-collapse-id"
        );
        let payload: Value = serde_json::from_str(body)?;
        ensure!(payload["aps"].is_object(), "aps is missing");
        ensure!(body.len() <= 4096, "the payload is too large");
        let mut reply = Reply::json(200, &json!({}));
        reply
            .headers
            .push(("apns-id", header(parts, "apns-id").to_owned()));
        Ok(Verdict::Take(reply))
    }

    fn apns_token(&self, token: &str) -> Result<()> {
        let (header, claims) = self.apns.check(token)?;
        ensure!(header["kid"].is_string(), "kid is missing");
        ensure!(claims["iss"].is_string(), "iss is missing");
        Ok(())
    }

    /// OAuth for service accounts (RFC 7523).
    pub(super) fn grant(&self, parts: &Parts, body: &str) -> Result<Verdict> {
        let form = form(body);
        let grant_type = field(&form, "grant_type").context("grant_type")?;
        ensure!(
            grant_type == "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "grant_type is {grant_type:?}"
        );
        let (_, claims) = self
            .fcm
            .check(field(&form, "assertion").context("assertion")?)?;
        let scope = "https://www.googleapis.com/auth/firebase.messaging";
        ensure!(claims["scope"] == scope, "scope");
        let audience = claims["aud"].as_str().context("aud")?;
        ensure!(audience.ends_with(parts.uri.path()), "aud is {audience:?}");
        let life = claims["exp"].as_u64().zip(claims["iat"].as_u64());
        ensure!(
            life.is_some_and(|(exp, iat)| exp > iat && exp <= iat + 3600),
            "exp"
        );
        let granted = json!({"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3599});
        Ok(Verdict::Answer(Reply::json(200, &granted)))
    }

    pub(super) fn fcm(&self, parts: &Parts, body: &str) -> Result<Verdict> {
        if header(parts, "authorization") != format!("Bearer {ACCESS}") {
            return Ok(Verdict::Answer(Reply::failure(401)));
        }
        let message: Value = serde_json::from_str(body)?;
        ensure!(message["message"]["token"].is_string(), "token is missing");
        let name = json!({"name": "projects/counting/messages/1"});
        Ok(Verdict::Take(Reply::json(200, &name)))
    }
}
