//! Parameters of requests. As axum's extractors, but what cannot be read is refused with
//! a problem document, as every other error is.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The parameters behind the question mark.
pub(crate) struct Query<T>(pub(crate) T);

/// The parameters in the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Query::from_request_parts(parts, state).await;
        match found {
            Ok(axum::extract::Query(found)) => Ok(Self(found)),
            Err(refused) => Err(Problem::bad_request(refused.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = axum::extract::Path::from_request_parts(parts, state).await;
        match found {
            Ok(axum::extract::Path(found)) => Ok(Self(found)),
            Err(refused) => Err(Problem::bad_request(refused.body_text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Params {
        limit: usize,
    }

    #[tokio::test]
    async fn a_wrong_parameter_is_answered_with_a_problem_document() {
        for (query, limit) in [
            ("limit=5", Some(5)),
            ("limit=x", None),
            ("limit=1&limit=2", None),
            ("limit=1&colour=red", None),
            ("", None),
        ] {
            let request = axum::http::Request::get(format!("/?{query}")).body(());
            let mut parts = request.unwrap().into_parts().0;
            match Query::<Params>::from_request_parts(&mut parts, &()).await {
                Ok(Query(params)) => assert_eq!(Some(params.limit), limit, "{query}"),
                Err(problem) => {
                    let response = problem.into_response();
                    assert_eq!((response.status().as_u16(), limit), (400, None), "{query}");
                    let kind = &response.headers()["content-type"];
                    assert_eq!(kind, "application/problem+json", "{query}");
                }
            }
        }
    }
}
