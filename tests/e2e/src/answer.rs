//! What came back for a request.
use std::fmt;

use harness::http::RawReply;
use reqwest::Response;
use serde_json::Value;

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request, for the reader of a failure.
    asked: String,
    /// The status; 0 if the connection was closed without one.
    pub status: u16,
    /// Names in lower case, in the order in which they came.
    headers: Vec<(String, String)>,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub body: Value,
}

impl Answer {
    pub(crate) async fn read(asked: String, response: Response) -> Self {
        let status = response.status().as_u16();
        let header =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            };
        let headers = response.headers().iter().map(header).collect();
        let text = response.text().await.unwrap_or_else(|error| panic!("{asked}: {error}"));
        Self::new(asked, status, headers, text)
    }

    /// Of bytes that no client would send.
    pub fn of_raw(asked: String, reply: &RawReply) -> Self {
        let (head, body) = reply.text.split_once("\r\n\r\n").unwrap_or((&reply.text, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = head.lines().skip(1).filter_map(header).collect();
        Self::new(asked, reply.status.unwrap_or(0), headers, body.to_owned())
    }

    fn new(asked: String, status: u16, headers: Vec<(String, String)>, text: String) -> Self {
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { asked, status, headers, text, body }
    }

    /// Asserts the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Asserts a problem document (RFC 9457) of this status and reason.
    #[track_caller]
    pub fn is_problem(self, status: u16, reason: &str) -> Self {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self}");
        assert_eq!(self.body["reason"], reason, "{self}");
        assert_eq!(self.body["status"], status, "{self}");
        self
    }

    /// The value of the header, if it came once. Several are a failure of the test.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} came more than once: {self}");
        value
    }

    /// The `id` of what it shows.
    #[track_caller]
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id: {self}"))
    }

    /// The items of a page.
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        self.body["items"].as_array().unwrap_or_else(|| panic!("no items: {self}"))
    }

    /// The ids of a page's items.
    #[track_caller]
    pub fn ids(&self) -> Vec<&str> {
        self.items().iter().filter_map(|item| item["id"].as_str()).collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} was answered {}", self.asked, self.status)?;
        self.headers.iter().try_for_each(|(name, value)| writeln!(f, "  {name}: {value}"))?;
        write!(f, "  {}", self.text)
    }
}
