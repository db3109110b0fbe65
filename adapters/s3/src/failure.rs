//! What went wrong with a request, and what that means to the host.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use mirrorbox_adapter::Error;

/// How long to wait where the server asks for less and does not say how long.
const PAUSE: Duration = Duration::from_secs(1);

/// What encryption with a key of one's own needs.
const KMS: &str = "the credentials need `kms:GenerateDataKey` and `kms:Decrypt` on the key that encrypts the bucket";

/// A request without a good answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server answered.
    Refused(Refusal),
    /// No answer, or none that can be read.
    Lost(String),
}

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    /// Empty where the answer has no body, as to a HEAD.
    code: String,
    message: String,
    retry_after: Option<Duration>,
    /// Where the bucket is, as far as the server says.
    region: Option<String>,
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ServiceError(refused) => {
                let answer = refused.raw();
                let seconds = answer.headers().get("retry-after").and_then(|value| value.parse().ok());
                Self::Refused(Refusal {
                    region: answer.headers().get("x-amz-bucket-region").map(str::to_owned),
                    status: answer.status().as_u16(),
                    code: refused.err().code().unwrap_or_default().to_owned(),
                    message: refused.err().message().unwrap_or_default().to_owned(),
                    retry_after: seconds.map(Duration::from_secs),
                })
            }
            lost => Self::Lost(chain(&lost)),
        }
    }
}

impl Failure {
    /// The failure of `what`, a request in words.
    pub(crate) fn of(self, what: &str) -> Error {
        match self {
            Self::Refused(refusal) => refusal.of(what),
            Self::Lost(reason) if reason.contains("HttpRequestDenied") => Error::Misconfigured(format!(
                "{what} was not let out: grant the address of `endpoint`, or without one https://BUCKET.s3.REGION.amazonaws.com \
                 of `bucket` and `region`, in the manifest (`network` under [grants])"
            )),
            Self::Lost(reason) if reason.contains("DnsError") => Error::Unavailable(format!(
                "{what} was not sent: the name of the server cannot be looked up; check `endpoint`, or `bucket` and \
                 `region`, and this machine's DNS (HTTPS_PROXY is not used: requests go straight to the server): {reason}"
            )),
            Self::Lost(reason) => Error::Unavailable(format!(
                "{what} got no answer (are `endpoint` and `region` right?): {reason}"
            )),
        }
    }

    /// There is no such object.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 404 && refusal.code != "NoSuchBucket")
    }

    /// The name that was to be created is taken.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 412)
    }

    /// Another request on this name is under way: whether it is taken cannot be told yet.
    pub(crate) fn is_race(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == 409)
    }

    /// The credentials are refused, or what they ask for.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.status, 401 | 403))
    }

    /// The server does not take such a request, or not in this form. It may take a simpler one.
    pub(crate) fn is_unknown_request(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.status, 400 | 405 | 411 | 501))
    }

    /// The server does not know what it was asked for.
    pub(crate) fn is_not_implemented(&self) -> bool {
        matches!(self, Self::Refused(refusal)
            if refusal.status == 501 || refusal.status == 405 || refusal.code == "NotImplemented")
    }
}

impl Refusal {
    fn of(&self, what: &str) -> Error {
        let text = format!("{what}: {}", self.said());
        match self.code.as_str() {
            "NoSuchBucket" | "InvalidBucketName" => misconfigured(&text, "check `bucket`"),
            "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
                misconfigured(&text, &self.where_to())
            }
            "TemporaryRedirect" => self.elsewhere_for_now(&text),
            // It is right again once a person, or NTP, has set it.
            "RequestTimeTooSkewed" | "RequestExpired" => Error::Unavailable(format!(
                "{text}: this machine's clock and the server's differ by too much: set the clock right (NTP)"
            )),
            "AccessDenied" if self.message.contains("kms:") => Error::Denied(format!("{text}: {KMS}")),
            "SlowDown" | "TooManyRequests" | "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => {
                Error::Throttled(self.retry_after.unwrap_or(PAUSE))
            }
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                Error::Denied(format!("{text}: renew `session_token`"))
            }
            "EntityTooLarge" => Error::Rejected(text),
            "RequestTimeout" | "ConditionalRequestConflict" | "OperationAborted" => Error::Unavailable(text),
            code if code.starts_with("KMS.") => {
                misconfigured(&text, &format!("check `kms_key_id` and the key's state; {KMS}"))
            }
            _ => self.by_status(text),
        }
    }

    fn by_status(&self, text: String) -> Error {
        match self.status {
            301 | 308 => misconfigured(&text, &self.where_to()),
            302 | 307 => self.elsewhere_for_now(&text),
            401 | 403 => Error::Denied(format!(
                "{text}: check `access_key_id` and `secret_access_key`, and what they may do in `bucket`"
            )),
            408 | 409 => Error::Unavailable(text),
            413 => Error::Rejected(text),
            429 => Error::Throttled(self.retry_after.unwrap_or(PAUSE)),
            501 => misconfigured(
                &text,
                "this server does not know that request of S3; docs/adapters/s3.md names those that were tried: set \
                 `endpoint` to one of them",
            ),
            500..=599 => match self.retry_after {
                Some(pause) => Error::Throttled(pause),
                None => Error::Unavailable(text),
            },
            _ => Error::Other(text),
        }
    }

    /// The remedy where the bucket is elsewhere. Redirects are not followed: where they lead to was not granted.
    fn where_to(&self) -> String {
        match &self.region {
            Some(region) => format!(
                "the bucket is in {region}: set `region` to it, and grant its address there \
                 (https://BUCKET.s3.{region}.amazonaws.com, or that of `endpoint`)"
            ),
            None => "check `region` and `endpoint`".to_owned(),
        }
    }

    /// What a bucket answers in its first hours, until its name leads to its region everywhere.
    fn elsewhere_for_now(&self, text: &str) -> Error {
        let region = match &self.region {
            Some(region) => format!("; its region is {region}: is `region` that?"),
            None => String::new(),
        };
        Error::Unavailable(format!(
            "{text}: the server wants this elsewhere for now, as it does for buckets that were made today; it is tried \
             again{region}"
        ))
    }

    fn said(&self) -> String {
        let Self {
            status, code, message, ..
        } = self;
        match (code.as_str(), message.as_str()) {
            ("", _) => format!("the server said {status}"),
            (code, "") => format!("the server said {status} {code}"),
            (code, message) => format!("the server said {status} {code} ({message})"),
        }
    }
}

fn misconfigured(text: &str, remedy: &str) -> Error {
    Error::Misconfigured(format!("{text}: {remedy}"))
}

/// An error with its causes, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
