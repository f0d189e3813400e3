//! `weir-shadow-document` and `weir-shadow-store` under the names of the crate that
//! they replace.

pub use weir_shadow_document::{
    Answer, AnswerKind, Document, Operation, Parsed, Rejected, Request, Section, Target,
    UpdateRequest, Updated, Wanted, answer_topic, check_shadow, client_token, parse_topic,
    rejected_answer as refusal, report_payload,
};
pub use weir_shadow_store::{Change, ShadowStore, StoreError};
