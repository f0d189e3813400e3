//! The ways out on AWS: which services a configuration uses, and one call after the
//! other to them.

mod alerts;
mod shadows;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use weir_aws::{
    Arn, Bucket, Client, Credentials, CredentialsError, IotData, JsonClient, Service, sns::Sns,
};
use weir_config::{AwsState, Config, ShadowReports};
use weir_http_client::{HttpClient, Options, Trust};
use weir_model::Alert;

use crate::outlets::{Outlets, RefusedReading, Rejected, Report, Rows, Sent};
use crate::quarantine::Quarantine;
use crate::rows::influxdb::Influx;
use crate::rows::timestream::Timestream;
use crate::state::StateStore;
use crate::state::dynamodb::DynamoDb;
use alerts::Alerts;
use shadows::Shadows;

/// Longest time of one call.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that an invocation calls.
#[derive(Debug)]
pub struct Aws {
    timestream: Option<Timestream>,
    influx: Option<Influx>,
    alerts: Option<Alerts>,
    shadows: Option<Shadows>,
    quarantine: Quarantine,
    store: Option<Arc<DynamoDb>>,
}

/// Why the ways out cannot be set up.
#[derive(Debug, Error)]
pub enum AwsSetupError {
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("the token file of store.influxdb cannot be read: {0}")]
    Token(#[from] io::Error),
    #[error("aws.alerts_topic is not the ARN of a topic")]
    Topic,
    #[error("AWS_REGION is not set")]
    Region,
}

/// Where the services are, and as whom they are called.
#[derive(Clone, Debug)]
pub struct Region {
    http: HttpClient,
    name: String,
    partition: &'static str,
    /// Instead of AWS's own endpoints.
    endpoint: Option<String>,
    credentials: Credentials,
}

impl Region {
    /// From the variables that the host of the function sets: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, ….
    /// Other platforms have neither, and need none as long as no service is used.
    pub fn from_environment(config: &Config) -> Result<Self, AwsSetupError> {
        let region = std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION"));
        let credentials = Credentials::from_environment();
        let (name, credentials) = if uses_services(config) {
            (region.map_err(|_| AwsSetupError::Region)?, credentials?)
        } else {
            let nobody = Credentials {
                access_key_id: String::new(),
                secret_access_key: String::new(),
                session_token: None,
            };
            (region.unwrap_or_default(), credentials.unwrap_or(nobody))
        };
        let partition = match name.split('-').next() {
            Some("cn") => "aws-cn",
            _ => "aws",
        };
        let options = Options {
            timeout: TIMEOUT,
            // Endpoints in a VPC have private addresses.
            allow_private: true,
        };
        Ok(Self {
            http: HttpClient::new(options, &Trust::System),
            name,
            partition,
            endpoint: config.aws.endpoint.clone(),
            credentials,
        })
    }

    /// A client of a service by its signing name; `host` is the first part of its
    /// address.
    fn client(&self, name: &'static str, host: &str) -> Client {
        let mut service = Service::new(name, self.partition, &self.name, self.endpoint.as_deref());
        if self.endpoint.is_none() {
            let own = format!("://{name}.");
            service.endpoint = service.endpoint.replacen(&own, &format!("://{host}."), 1);
        }
        self.client_at(service)
    }

    fn client_at(&self, service: Service) -> Client {
        Client::new(self.http.clone(), service, self.credentials.clone())
    }

    fn bucket(&self, name: &str) -> Bucket {
        Bucket::new(self.client("s3", "s3"), name.to_owned())
    }

    fn timestream(&self, names: &weir_config::Timestream) -> Timestream {
        let client = self.client("timestream", "ingest.timestream");
        if self.endpoint.is_some() {
            return Timestream::at(names.clone(), JsonClient::timestream(client));
        }
        let region = self.clone();
        let connect = move |address: &str| {
            let endpoint = format!("https://{address}");
            let service = Service::new(
                "timestream",
                region.partition,
                &region.name,
                Some(&endpoint),
            );
            JsonClient::timestream(region.client_at(service))
        };
        let discovery = JsonClient::timestream(client);
        Timestream::discovered(names.clone(), discovery, Box::new(connect))
    }

    fn quarantine(&self, config: &Config) -> Quarantine {
        if let Some(bucket) = &config.aws.quarantine_bucket {
            return Quarantine::Bucket(self.bucket(bucket));
        }
        match &config.aws.quarantine_queue {
            Some(url) => Quarantine::Queue {
                client: JsonClient::sqs(self.client("sqs", "sqs")),
                url: url.clone(),
            },
            None => Quarantine::None,
        }
    }

    fn alerts(&self, config: &Config) -> Result<Option<Alerts>, AwsSetupError> {
        let Some(topic) = &config.aws.alerts_topic else {
            return Ok(None);
        };
        let arn = Arn::parse(topic).ok_or(AwsSetupError::Topic)?;
        let (http, credentials) = (self.http.clone(), self.credentials.clone());
        let sns = Sns::new(http, &arn, self.endpoint.as_deref(), credentials);
        Ok(Some(Alerts::new(
            sns,
            topic.clone(),
            config.aws.alerts_form,
        )))
    }
}

/// Whether a configuration calls AWS at all.
fn uses_services(config: &Config) -> bool {
    let aws = &config.aws;
    aws.state == AwsState::DynamoDb
        || aws.alerts_topic.is_some()
        || aws.quarantine_bucket.is_some()
        || aws.quarantine_queue.is_some()
        || aws.timestream.is_some()
        || aws.shadow_reports != ShadowReports::Off
}

impl Aws {
    /// The services that the configuration uses.
    pub fn new(config: &Config, region: &Region) -> Result<Self, AwsSetupError> {
        let aws = &config.aws;
        let influx = config.influxdb.as_ref();
        let influx = influx.map(|influxdb| Influx::new(region.http.clone(), influxdb));
        let shadows = (aws.shadow_reports != ShadowReports::Off).then(|| {
            let client = region.client("iotdata", "data-ats.iot");
            Shadows::new(IotData::new(client, aws.shadow_name.clone()))
        });
        let table = aws
            .table
            .as_ref()
            .filter(|_| aws.state == AwsState::DynamoDb);
        let store = table.map(|table| {
            let client = JsonClient::dynamo_db(region.client("dynamodb", "dynamodb"));
            let bucket = aws
                .state_bucket
                .as_ref()
                .map(|bucket| region.bucket(bucket));
            Arc::new(DynamoDb::new(client, table.clone(), bucket))
        });
        Ok(Self {
            timestream: aws
                .timestream
                .as_ref()
                .map(|names| region.timestream(names)),
            influx: influx.transpose()?,
            alerts: region.alerts(config)?,
            shadows,
            quarantine: region.quarantine(config),
            store,
        })
    }

    /// Where the memory of devices is kept, if it is.
    pub fn store(&self) -> Option<Arc<dyn StateStore>> {
        let store = self.store.clone()?;
        Some(store)
    }

    /// Opens every connection, all at once. At 128 MB a function has a fourteenth of a
    /// core, but all of one before its first invocation.
    pub fn open_connections(&self) {
        std::thread::scope(|scope| {
            if let Some(timestream) = &self.timestream {
                scope.spawn(|| timestream.open());
            }
            if let Some(influx) = &self.influx {
                scope.spawn(|| influx.open());
            }
            if let Some(alerts) = &self.alerts {
                scope.spawn(|| alerts.open());
            }
            if let Some(shadows) = &self.shadows {
                scope.spawn(|| shadows.open());
            }
            if let Some(store) = &self.store {
                scope.spawn(|| store.open());
            }
            scope.spawn(|| self.quarantine.open());
        });
    }
}

impl Outlets for Aws {
    fn write_rows(&self, rows: &[Rows<'_>]) -> Result<Vec<RefusedReading>, String> {
        let mut refused = Vec::new();
        if let Some(timestream) = &self.timestream {
            refused.extend(timestream.write(rows)?);
        }
        if let Some(influx) = &self.influx {
            let more = influx.write(rows)?.into_iter();
            let is_new = |one: &RefusedReading| {
                let same = |known: &RefusedReading| {
                    (known.position, known.reading) == (one.position, one.reading)
                };
                !refused.iter().any(same)
            };
            let more: Vec<RefusedReading> = more.filter(is_new).collect();
            refused.extend(more);
        }
        Ok(refused)
    }

    fn quarantine(&self, entries: &[Rejected]) -> Vec<Sent> {
        self.quarantine.put(entries)
    }

    fn publish(&self, groups: &[&[Alert]]) -> Vec<Sent> {
        match &self.alerts {
            Some(alerts) => alerts.publish(groups),
            None => groups.iter().map(|_| Ok(())).collect(),
        }
    }

    fn report(&self, reports: &[&Report]) -> Vec<Sent> {
        match &self.shadows {
            Some(shadows) => shadows.report(reports),
            None => reports.iter().map(|_| Ok(())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str, endpoint: Option<&str>) -> Region {
        let options = Options {
            timeout: TIMEOUT,
            allow_private: true,
        };
        Region {
            http: HttpClient::new(options, &Trust::Only(Vec::new())),
            name: name.to_owned(),
            partition: if name.starts_with("cn-") {
                "aws-cn"
            } else {
                "aws"
            },
            endpoint: endpoint.map(str::to_owned),
            credentials: Credentials {
                access_key_id: "A".to_owned(),
                secret_access_key: "s".to_owned(),
                session_token: None,
            },
        }
    }

    #[test]
    fn every_service_is_at_its_own_host() {
        #[track_caller]
        fn check(region: &Region, name: &'static str, host: &str, expect: &str) {
            assert_eq!(region.client(name, host).service().endpoint, expect);
        }
        let here = region("eu-central-1", None);
        let iot = "https://data-ats.iot.eu-central-1.amazonaws.com";
        check(&here, "iotdata", "data-ats.iot", iot);
        let ingest = "https://ingest.timestream.eu-central-1.amazonaws.com";
        check(&here, "timestream", "ingest.timestream", ingest);
        let table = "https://dynamodb.cn-north-1.amazonaws.com.cn";
        check(&region("cn-north-1", None), "dynamodb", "dynamodb", table);
        let own = region("eu-central-1", Some("http://127.0.0.1:5000"));
        check(&own, "iotdata", "data-ats.iot", "http://127.0.0.1:5000");
    }

    #[test]
    fn a_configuration_without_services_needs_no_credentials() {
        let off = Config::from_toml("[aws.shadows]\nreports = \"off\"\n").unwrap();
        assert!(!uses_services(&off));
        assert!(uses_services(&Config::default()));
    }
}
