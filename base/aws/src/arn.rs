//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

/// The parts of an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// `None` if it does not have the six parts.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        (arn == "arn").then_some(Self {
            partition,
            service,
            region,
            account,
            resource,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts() {
        let arn = Arn::parse("arn:aws-cn:iot:cn-north-1:123:topic/a:b");
        let expect = Arn {
            partition: "aws-cn",
            service: "iot",
            region: "cn-north-1",
            account: "123",
            resource: "topic/a:b",
        };
        assert_eq!(arn, Some(expect));
        assert_eq!(Arn::parse("arn:aws:sns:eu-central-1:123"), None);
        assert_eq!(Arn::parse("urn:aws:sns:eu-central-1:123:a"), None);
    }
}
