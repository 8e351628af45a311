import { parseForm } from "./form.ts";
import type { Protocol } from "./protocol.ts";
import { escape, writeXml, XML_HEAD } from "./xml.ts";

/* https://smithy.io/2.0/aws/protocols/aws-query-protocol.html: Elastic Load Balancing, Auto Scaling, STS */

export const query: Protocol = {
  parse: ({ body }) => {
    const { action, input } = parseForm(body.toString());
    return { operation: action, input };
  },
  answer: (service, operation, result, requestId) => ({
    status: 200,
    headers: { "content-type": "text/xml", "x-amzn-requestid": requestId },
    body:
      `<${operation}Response xmlns="${service.namespace}"><${operation}Result>${writeXml(result, "member")}</${operation}Result>` +
      `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`,
  }),
  error: (service, { code, message, status }, requestId) => ({
    status,
    headers: { "content-type": "text/xml", "x-amzn-requestid": requestId },
    body:
      `<ErrorResponse xmlns="${service.namespace}"><Error><Type>${status < 500 ? "Sender" : "Receiver"}</Type>` +
      `<Code>${escape(code)}</Code><Message>${escape(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
  }),
};

/* https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html; members have the names of the wire: `reservationSet` */

export const ec2: Protocol = {
  parse: (...call) => query.parse(...call),
  answer: (service, operation, result, requestId) => ({
    status: 200,
    headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
    body:
      `${XML_HEAD}<${operation}Response xmlns="${service.namespace}"><requestId>${requestId}</requestId>` +
      `${writeXml(result, "item")}</${operation}Response>`,
  }),
  error: (_service, { code, message, status }, requestId) => ({
    status,
    headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
    body:
      `${XML_HEAD}<Response><Errors><Error><Code>${escape(code)}</Code><Message>${escape(message)}</Message></Error></Errors>` +
      `<RequestID>${requestId}</RequestID></Response>`,
  }),
};
