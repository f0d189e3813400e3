//! Items in a table of DynamoDB; large memory in S3 under its digest.
//!
//! An object in S3 is written before the item that names it, and removed after the
//! item that named it was replaced. Whoever finds an object gone has read an old
//! item, and reads it again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_aws::{AwsError, Bucket, JsonClient};
use weir_model::Timestamp;

use super::item::{self, BUCKETS, Loaded, Written};
use crate::parallel::each_of;
use crate::state::{Committed, Item, StateStore, StoreError};

/// Keys of one `BatchGetItem`.
const MAX_KEYS: usize = 100;
/// How often keys that were not processed are asked for again.
const ATTEMPTS: usize = 5;
/// The index over what is due.
const INDEX: &str = "due";
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// One table.
#[derive(Debug)]
pub struct DynamoDb {
    client: JsonClient,
    table: String,
    bucket: Option<Bucket>,
}

impl DynamoDb {
    /// `bucket` takes memory that an item cannot hold.
    pub fn new(client: JsonClient, table: String, bucket: Option<Bucket>) -> Self {
        Self {
            client,
            table,
            bucket,
        }
    }

    pub(crate) fn open(&self) {
        self.client.client().open();
    }

    fn load_some(&self, devices: &[&str]) -> Result<Vec<Item>, StoreError> {
        let mut found: BTreeMap<String, Item> = BTreeMap::new();
        let keys: Vec<Value> = devices.iter().map(|device| item::key(device)).collect();
        let mut wanted = json!({&self.table: {"Keys": keys, "ConsistentRead": true}});
        for _ in 0..ATTEMPTS {
            let request = json!({"RequestItems": wanted});
            let answer = self.client.call("BatchGetItem", &request)?;
            let items = answer["Responses"][&self.table].as_array();
            for attributes in items.into_iter().flatten() {
                let item = self.read(attributes, true)?;
                found.insert(item.device.clone(), item);
            }
            wanted = answer["UnprocessedKeys"].clone();
            if wanted.as_object().is_none_or(serde_json::Map::is_empty) {
                let absent = |device: &str| Item {
                    device: device.to_owned(),
                    ..Item::default()
                };
                let items = devices.iter();
                let items = items.map(|device| found.remove(*device).unwrap_or(absent(device)));
                return Ok(items.collect());
            }
        }
        let what = "DynamoDB did not return all items in time".to_owned();
        Err(StoreError::Unavailable(what))
    }

    /// An item with its memory; read `again` once if that has moved meanwhile.
    fn read(&self, attributes: &Value, again: bool) -> Result<Item, StoreError> {
        let unreadable = |device: &str, what: &str| StoreError::Unreadable {
            device: device.to_owned(),
            what: what.to_owned(),
        };
        let attributes = attributes
            .as_object()
            .ok_or_else(|| unreadable("?", "no item"))?;
        let device = item::device_of(attributes).unwrap_or("?").to_owned();
        let loaded = item::read(attributes).map_err(|what| unreadable(&device, &what))?;
        let Loaded { mut item, object } = loaded;
        let Some(key) = object else {
            return Ok(item);
        };
        let bucket = self.bucket.as_ref();
        let bucket = bucket.ok_or_else(|| unreadable(&device, "aws.state_bucket is not set"))?;
        match bucket.get(&key)? {
            Some(packed) => {
                item.memory = item::unpacked(&packed).map_err(|what| unreadable(&device, &what))?;
                Ok(item)
            }
            None if again => {
                let request = json!({"TableName": self.table, "Key": item::key(&device),
                    "ConsistentRead": true});
                let answer = self.client.call("GetItem", &request)?;
                self.read(&answer["Item"], false)
            }
            None => Err(unreadable(&device, "its object in S3 is gone")),
        }
    }

    fn put(&self, item: &Item) -> Committed {
        match self.try_put(item) {
            Ok(()) => Committed::Done,
            Err(StoreError::Aws(AwsError::Refused { code, body, .. }))
                if code == CONDITION_FAILED =>
            {
                self.conflict(item, &body["Item"])
            }
            Err(error) => Committed::Failed(error.to_string()),
        }
    }

    fn conflict(&self, item: &Item, stored: &Value) -> Committed {
        if stored.is_null() {
            // Somebody removed it.
            return Committed::Conflict(Box::new(Item {
                device: item.device.clone(),
                ..Item::default()
            }));
        }
        match self.read(stored, true) {
            Ok(newer) if newer.version == item.version && newer.applied == item.applied => {
                // The call was repeated, and the first one had arrived.
                Committed::Done
            }
            Ok(newer) => Committed::Conflict(Box::new(newer)),
            Err(error) => Committed::Failed(error.to_string()),
        }
    }

    fn try_put(&self, item: &Item) -> Result<(), StoreError> {
        let Written { attributes, object } = item::write(item);
        if let Some((key, content)) = &object {
            let bucket = self.bucket.as_ref().ok_or_else(|| StoreError::Unreadable {
                device: item.device.clone(),
                what: format!(
                    "its memory has {} bytes: set aws.state_bucket",
                    content.len()
                ),
            })?;
            bucket.put(key, "application/octet-stream", content)?;
        }
        let mut request = json!({
            "TableName": self.table,
            "Item": attributes,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        if self.bucket.is_some() {
            request["ReturnValues"] = json!("ALL_OLD");
        }
        if item.version == 1 {
            request["ConditionExpression"] = json!("attribute_not_exists(pk)");
        } else {
            request["ConditionExpression"] = json!("v = :v");
            request["ExpressionAttributeValues"] =
                json!({":v": {"N": (item.version - 1).to_string()}});
        }
        let answer = self.client.call("PutItem", &request)?;
        let kept = object.map(|(key, _)| key);
        self.remove_object(&answer["Attributes"], kept.as_deref());
        Ok(())
    }

    /// Removes the object of an item that was replaced. If that fails, it is garbage
    /// that nobody names.
    fn remove_object(&self, replaced: &Value, kept: Option<&str>) {
        let replaced = replaced.as_object();
        let object = replaced.and_then(|attributes| item::read(attributes).ok()?.object);
        if let (Some(bucket), Some(key)) = (&self.bucket, object)
            && kept != Some(&*key)
        {
            let _ = bucket.delete(&key);
        }
    }
}

impl StateStore for DynamoDb {
    fn load(&self, devices: &[&str]) -> Result<Vec<Item>, StoreError> {
        let requests: Vec<&[&str]> = devices.chunks(MAX_KEYS).collect();
        let results = each_of(&requests, |devices| self.load_some(devices));
        let mut items = Vec::with_capacity(devices.len());
        for result in results {
            items.extend(result?);
        }
        Ok(items)
    }

    fn commit(&self, items: &[Item]) -> Vec<Committed> {
        each_of(items, |item| self.put(item))
    }

    fn clear_outbox(&self, item: &Item) -> Result<bool, StoreError> {
        let mut request = json!({
            "TableName": self.table,
            "Key": item::key(&item.device),
            "ConditionExpression": "v = :v",
            "ExpressionAttributeValues": {":v": {"N": item.version.to_string()}},
        });
        request["UpdateExpression"] = match item.due {
            Some(due) => {
                let values = &mut request["ExpressionAttributeValues"];
                values[":d"] = json!({"N": due.millis().to_string()});
                values[":b"] = json!({"N": item::bucket(&item.device).to_string()});
                json!("SET due = :d, b = :b REMOVE o")
            }
            None => json!("REMOVE o, due, b"),
        };
        match self.client.call("UpdateItem", &request) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == CONDITION_FAILED => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<String>, StoreError> {
        let buckets: Vec<u64> = (0..BUCKETS).collect();
        let share = limit.div_ceil(buckets.len());
        let results = each_of(&buckets, |bucket| {
            let request = json!({
                "TableName": self.table,
                "IndexName": INDEX,
                "KeyConditionExpression": "b = :b AND due <= :now",
                "ExpressionAttributeValues": {
                    ":b": {"N": bucket.to_string()},
                    ":now": {"N": now.millis().to_string()},
                },
                "ProjectionExpression": "pk",
                "Limit": share,
            });
            self.client.call("Query", &request)
        });
        let mut devices = Vec::new();
        for answer in results {
            let answer = answer?;
            let items = answer["Items"].as_array().into_iter().flatten();
            let names = items.filter_map(|item| item::device_of(item.as_object()?));
            devices.extend(names.map(str::to_owned));
        }
        Ok(devices)
    }
}
