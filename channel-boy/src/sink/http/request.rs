//! A request, as a sink writes it.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http_body_util::Full;
use hyper::{
    Method, Version,
    body::Bytes,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
    },
};
use url::{Url, form_urlencoded};

/// What the other end knows us by.
const AGENT: &str = concat!("aldebaran-channel-boy/", env!("CARGO_PKG_VERSION"));

/// A request to a URL, with its whole body.
pub(in crate::sink) struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// What cannot be sent like this; no word of it, which may be a secret.
    wrong: Option<&'static str>,
}

impl Request {
    pub(in crate::sink) fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    pub(in crate::sink) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    fn new(method: Method, url: Url) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        Self {
            method,
            url,
            headers,
            body: Bytes::new(),
            wrong: None,
        }
    }

    /// A header in place of any other of its name, which is in lower case.
    pub(in crate::sink) fn header(self, name: &'static str, value: &str) -> Self {
        self.with(HeaderName::from_static(name), value)
    }

    pub(in crate::sink) fn basic_auth(self, user: &str, password: &str) -> Self {
        let encoded = BASE64.encode(format!("{user}:{password}"));
        self.with(AUTHORIZATION, &format!("Basic {encoded}"))
    }

    pub(in crate::sink) fn bearer_auth(self, token: &str) -> Self {
        self.with(AUTHORIZATION, &format!("Bearer {token}"))
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(name == AUTHORIZATION);
                self.headers.insert(name, value);
            }
            Err(_) => self.wrong = Some("a header would hold what none may hold"),
        }
        self
    }

    pub(in crate::sink) fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.with(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.finish())
    }

    pub(in crate::sink) fn json(self, body: impl Into<Bytes>) -> Self {
        self.with(CONTENT_TYPE, "application/json").body(body)
    }

    fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Where it goes.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// As the connection wants it: HTTP/1.1 names the host in a header, HTTP/2 in the target.
    ///
    /// # Errors
    /// What cannot be sent like this.
    pub(super) fn build(
        self,
        version: Version,
    ) -> Result<hyper::Request<Full<Bytes>>, &'static str> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let target = match version {
            Version::HTTP_2 => format!("{}://{authority}{path}", self.url.scheme()),
            _ => path.to_owned(),
        };
        let wrong = "its URL cannot be asked for";
        let mut request = hyper::Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = target.parse().map_err(|_| wrong)?;
        *request.version_mut() = version;
        *request.headers_mut() = self.headers;
        if version != Version::HTTP_2 {
            let host = HeaderValue::from_str(authority).map_err(|_| wrong)?;
            request.headers_mut().insert(HOST, host);
        }
        Ok(request)
    }

    #[cfg(test)]
    pub(in crate::sink) fn parts(&self) -> (&Url, &HeaderMap, &[u8]) {
        (&self.url, &self.headers, &self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        Url::parse("https://u:p@example.com:8443/a%20b?c=d#e").unwrap()
    }

    #[test]
    fn each_version_names_the_host_in_its_place_and_nobody_the_password() {
        let one = Request::post(url()).build(Version::HTTP_11).unwrap();
        assert_eq!(one.uri(), "/a%20b?c=d");
        assert_eq!(one.headers()[HOST], "example.com:8443");
        let two = Request::post(url()).build(Version::HTTP_2).unwrap();
        assert_eq!(two.uri(), "https://example.com:8443/a%20b?c=d");
        assert!(!two.headers().contains_key(HOST));
    }

    #[test]
    fn what_no_header_may_hold_is_not_sent_and_not_said() {
        let request = Request::post(url()).bearer_auth("secret\r\nx: y");
        let words = request.build(Version::HTTP_11).unwrap_err();
        assert!(!words.contains("secret"), "{words}");
    }

    #[test]
    fn a_form_is_encoded() {
        let request = Request::post(url()).form(&[("To", "+49 1"), ("Body", "ä&=")]);
        assert_eq!(request.parts().2, b"To=%2B49+1&Body=%C3%A4%26%3D");
    }
}
