//! The parts of CycloneDX that are written.

use serde::Serialize;

/// The version of the specification.
const SPECIFICATION: &str = "1.6";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(rename = "$schema")]
    schema: String,
    bom_format: &'static str,
    spec_version: &'static str,
    /// Of this document: each release has one.
    version: u32,
    metadata: About,
    components: Vec<Component>,
    dependencies: Vec<Needs>,
}

#[derive(Debug, Serialize)]
struct About {
    component: Component,
}

#[derive(Debug, Serialize)]
pub(super) struct Component {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(rename = "bom-ref")]
    pub(super) reference: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) scope: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<License>,
    /// Its place in a registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(rename = "externalReferences", skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<Link>,
}

#[derive(Debug, Serialize)]
pub(super) struct License {
    pub(super) expression: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Hash {
    pub(super) alg: &'static str,
    pub(super) content: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Link {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) url: String,
}

/// What a component needs directly, by reference.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Needs {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) depends_on: Vec<String>,
}

impl Document {
    /// `released` consists of the components. Sorts everything.
    pub(super) fn new(released: Component, mut components: Vec<Component>, mut dependencies: Vec<Needs>) -> Self {
        components.sort_by(|one, other| one.reference.cmp(&other.reference));
        dependencies.sort_by(|one, other| one.reference.cmp(&other.reference));
        Self {
            schema: format!("http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json"),
            bom_format: "CycloneDX",
            spec_version: SPECIFICATION,
            version: 1,
            metadata: About { component: released },
            components,
            dependencies,
        }
    }
}
