//! What the manifest's `[config]` says, checked and put together.

use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::types::{ObjectCannedAcl, ServerSideEncryption, StorageClass};
use mirrorbox_adapter::{Error, Result, Settings};

/// Leaves room for the parts of a key and the names of our own: a key of S3 has 1024 bytes.
const MAX_PREFIX: usize = 256;
/// What a directory bucket's name ends in.
const DIRECTORY_BUCKET: &str = "--x-s3";
const DEFAULT_REGION: &str = "us-east-1";
const DEFAULT_COMPACT_AFTER: usize = 256;
const DEFAULT_PARALLEL: usize = 8;
/// An object has no more.
const MAX_TAGS: usize = 10;
/// More GETs at once than that only wait for each other.
const MAX_PARALLEL: usize = 64;

/// What the manifest says about the bucket. Its `Debug` shows no secret: [`Credentials`] hides its own.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) bucket: String,
    /// Empty, or ends in `/`.
    pub(crate) prefix: String,
    pub(crate) region: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) path_style: bool,
    pub(crate) credentials: Credentials,
    pub(crate) encryption: Option<ServerSideEncryption>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) acl: Option<ObjectCannedAcl>,
    pub(crate) storage_class: Option<StorageClass>,
    /// As a header has them: `name=value&name=value`.
    pub(crate) tags: Option<String>,
    /// More parts than that are worth compacting.
    pub(crate) compact_after: usize,
    /// Requests at once, where a call needs several.
    pub(crate) parallel: usize,
    /// S3 Express: listings are unsorted and begin nowhere but at the beginning.
    pub(crate) directory: bool,
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self> {
        let bucket: String = settings.required("bucket")?;
        let endpoint: Option<String> = settings.optional("endpoint")?;
        let options = Self {
            directory: bucket.ends_with(DIRECTORY_BUCKET),
            bucket,
            prefix: prefix(settings.or("prefix", String::new())?)?,
            region: settings.or("region", DEFAULT_REGION.to_owned())?,
            path_style: settings.or("path_style", endpoint.is_some())?,
            endpoint: endpoint.map(checked_endpoint).transpose()?,
            credentials: Credentials::new(
                key(settings, "access_key_id", "AWS_ACCESS_KEY_ID")?,
                key(settings, "secret_access_key", "AWS_SECRET_ACCESS_KEY")?,
                settings.optional("session_token")?,
                None,
                "manifest",
            ),
            encryption: encryption(settings)?,
            kms_key_id: settings.optional("kms_key_id")?,
            acl: acl(settings)?,
            storage_class: storage_class(settings)?,
            tags: tags(settings)?,
            compact_after: between(settings, "compact_after", DEFAULT_COMPACT_AFTER, 1, usize::MAX)?,
            parallel: between(settings, "parallel", DEFAULT_PARALLEL, 1, MAX_PARALLEL)?,
        };
        settings.finish()?;
        if options.kms_key_id.is_some() && !options.encrypts_with_kms() {
            return Err(misconfigured(
                "kms_key_id",
                "needs `server_side_encryption = \"aws:kms\"`",
            ));
        }
        Ok(options)
    }

    fn encrypts_with_kms(&self) -> bool {
        self.encryption
            .as_ref()
            .is_some_and(|kind| kind.as_str().starts_with("aws:kms"))
    }
}

fn misconfigured(setting: &str, wrong: &str) -> Error {
    Error::Misconfigured(format!("setting `{setting}` {wrong}"))
}

/// A part of the credentials. Those that a platform hands out are not fetched: a manifest that expects it is refused
/// with what to write.
fn key(settings: &Settings, name: &str, variable: &str) -> Result<String> {
    settings.optional(name)?.ok_or_else(|| {
        misconfigured(
            name,
            &format!(
                "is missing: add `{name} = {{ env = \"{variable}\" }}` under [config]. Profiles and roles (AWS_PROFILE, SSO, \
                 web identity, instance metadata) are not asked: `aws configure export-credentials --format env` prints \
                 their keys; give `session_token` with them"
            ),
        )
    })
}

/// Transcripts are private: what would show them to everybody is refused.
fn acl(settings: &Settings) -> Result<Option<ObjectCannedAcl>> {
    let Some(name) = settings.optional::<String>("acl")? else {
        return Ok(None);
    };
    let known = [
        ObjectCannedAcl::Private,
        ObjectCannedAcl::BucketOwnerRead,
        ObjectCannedAcl::BucketOwnerFullControl,
    ];
    let acl = known.into_iter().find(|acl| acl.as_str() == name);
    acl.map(Some).ok_or_else(|| {
        misconfigured(
            "acl",
            "must be `private`, `bucket-owner-read` or `bucket-owner-full-control`; others show transcripts to strangers",
        )
    })
}

/// Servers have classes of their own; only those that give nothing back at once are refused.
fn storage_class(settings: &Settings) -> Result<Option<StorageClass>> {
    let Some(name) = settings.optional::<String>("storage_class")? else {
        return Ok(None);
    };
    if matches!(name.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
        return Err(misconfigured(
            "storage_class",
            "must be one that can be read at once, `STANDARD_IA` or `GLACIER_IR` say: what is stored is read again",
        ));
    }
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(misconfigured("storage_class", "must be a name such as `STANDARD_IA`"));
    }
    Ok(Some(StorageClass::from(name.as_str())))
}

fn tags(settings: &Settings) -> Result<Option<String>> {
    let Some(tags) = settings.optional::<String>("tags")? else {
        return Ok(None);
    };
    let is_pair = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(name, value)| !name.is_empty() && !value.contains('='))
    };
    let is_text = tags.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_text || !tags.split('&').all(is_pair) || tags.split('&').count() > MAX_TAGS {
        return Err(misconfigured(
            "tags",
            "must be `name=value`, ten at most, joined by `&`, percent-encoded: `team=agents&cost%20centre=7`",
        ));
    }
    Ok(Some(tags))
}

/// A prefix names a folder, so that of two prefixes none reaches into the other.
fn prefix(mut prefix: String) -> Result<String> {
    if prefix.is_empty() {
        return Ok(prefix);
    }
    if !prefix.ends_with('/') {
        prefix.push('/');
    }
    let wrong = |wrong| Err(misconfigured("prefix", wrong));
    if prefix.len() > MAX_PREFIX {
        return wrong("is longer than 256 bytes");
    }
    let folders = prefix.trim_end_matches('/').split('/');
    if prefix.ends_with("//") || folders.clone().any(|folder| matches!(folder, "" | "." | "..")) {
        return wrong("must be names joined by `/`, without one in front, none empty, `.` or `..`");
    }
    if prefix.contains(|character: char| !character.is_ascii_graphic()) {
        return wrong("must be printable ASCII without spaces");
    }
    Ok(prefix)
}

fn checked_endpoint(endpoint: String) -> Result<String> {
    if endpoint.starts_with("http://") || endpoint.starts_with("https://") {
        return Ok(endpoint);
    }
    Err(misconfigured(
        "endpoint",
        "must begin with `http://` or `https://`: `https://s3.example.com`",
    ))
}

fn encryption(settings: &Settings) -> Result<Option<ServerSideEncryption>> {
    let Some(name) = settings.optional::<String>("server_side_encryption")? else {
        return Ok(None);
    };
    let known = [
        ServerSideEncryption::Aes256,
        ServerSideEncryption::AwsKms,
        ServerSideEncryption::AwsKmsDsse,
    ];
    let kind = known.into_iter().find(|kind| kind.as_str() == name);
    kind.map(Some).ok_or_else(|| {
        misconfigured(
            "server_side_encryption",
            "must be `AES256`, `aws:kms` or `aws:kms:dsse`",
        )
    })
}

fn between(settings: &Settings, name: &str, default: usize, least: usize, most: usize) -> Result<usize> {
    let value = settings.or(name, default)?;
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(misconfigured(name, &format!("must be from {least} to {most}")))
}
