//! The HTTP interface does what its OpenAPI document says: requests that schemathesis
//! makes from the document, wrong ones among them, get no 5xx and no answer of a kind
//! that the document does not name.

use serde_json::json;
use weir_tests::{Weir, WeirSpec, python};

#[test]
fn every_answer_is_one_that_the_openapi_document_names() {
    let weir = Weir::start(WeirSpec::embedded());
    let reading = json!({"sensorId": "temperature", "value": 95, "criticalThreshold": 90});
    weir.ingest_and_wait("pump-1", json!({"data": [reading]}).to_string());
    let url = format!("http://{}/api/openapi.json", weir.port("http"));
    python("openapi.py", &[&url]);
}
