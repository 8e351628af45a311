import { expect, test } from "vitest";
import { sumOf } from "./prometheus.ts";

const TEXT = `# HELP http_requests_total Requests, in flight {or} not 12
# TYPE http_requests_total counter
http_requests_total{method="post",path="/a b"} 1027 1395066363000
http_requests_total{method="get",path="a\\"}b{ 9"}    3
http_requests_totally{method="get"} 500
http_in_flight 4
http_in_flight_max 9
# TYPE quiet_total counter
# TYPE orders counter
rpc{le="+Inf"} 2.5e1
broken{unclosed="x 7
not_a_number NaN
`;

test.each<[string, number | undefined]>([
  ["http_requests_total", 1030],
  ["http_in_flight", 4],
  ["rpc", 25],
  ["quiet_total", 0],
  ["orders_total", 0],
  ["missing", undefined],
  ["http", undefined],
  ["broken", undefined],
  ["not_a_number", undefined],
])("the sum of %s", (name, sum) => expect(sumOf(TEXT, name)).toBe(sum));
