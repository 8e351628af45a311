import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedCluster } from "../cluster.ts";
import { GATEWAY_CLASS, startGateway, type TestGateway } from "../gateway/start.ts";
import { conformanceProgram } from "../place.ts";

/**
 * The official conformance tests, run against the test cluster's gateway. So what Teal's own tests see of a route is
 * what any gateway that passes them would show.
 */

/** Everything core of Gateways and HTTPRoutes, and what Teal makes use of besides or what costs nothing. */
const FEATURES = [
  "Gateway",
  "GatewayPort8080",
  "HTTPRoute",
  "HTTPRouteBackendRequestHeaderModification",
  "HTTPRouteDestinationPortMatching",
  "HTTPRouteMethodMatching",
  "HTTPRouteNamedRouteRule",
  "HTTPRouteParentRefPort",
  "HTTPRoutePortRedirect",
  "HTTPRouteQueryParamMatching",
  "HTTPRouteRequestMirror",
  "HTTPRouteRequestMultipleMirrors",
  "HTTPRouteResponseHeaderModification",
  "HTTPRouteSchemeRedirect",
  "ReferenceGrant",
];

const PASSED = [
  "GatewayClassObservedGenerationBump",
  "GatewayInvalidRouteKind",
  "GatewayInvalidTLSConfiguration",
  "GatewayListenerUnsupportedProtocol",
  "GatewayModifyListeners",
  "GatewayObservedGenerationBump",
  "GatewaySecretInvalidReferenceGrant",
  "GatewaySecretMissingReferenceGrant",
  "GatewaySecretReferenceGrantAllInNamespace",
  "GatewaySecretReferenceGrantSpecific",
  "GatewayWithAttachedRoutes",
  "GatewayWithAttachedRoutesWithPort8080",
  "HTTPRouteBackendRequestHeaderModifier",
  "HTTPRouteCrossNamespace",
  "HTTPRouteExactPathMatching",
  "HTTPRouteHTTPSListener",
  "HTTPRouteHeaderMatching",
  "HTTPRouteHostnameIntersection",
  "HTTPRouteInvalidBackendRefUnknownKind",
  "HTTPRouteInvalidCrossNamespaceBackendRef",
  "HTTPRouteInvalidCrossNamespaceParentRef",
  "HTTPRouteInvalidNonExistentBackendRef",
  "HTTPRouteInvalidParentRefNotMatchingListenerPort",
  "HTTPRouteInvalidParentRefNotMatchingSectionName",
  "HTTPRouteInvalidParentRefSectionNameNotMatchingPort",
  "HTTPRouteInvalidReferenceGrant",
  "HTTPRouteListenerHostnameMatching",
  "HTTPRouteListenerPortMatching",
  "HTTPRouteMatching",
  "HTTPRouteMatchingAcrossRoutes",
  "HTTPRouteMethodMatching",
  "HTTPRouteMultipleGateways",
  "HTTPRouteNamedRule",
  "HTTPRouteNoBackendRefs",
  "HTTPRouteObservedGenerationBump",
  "HTTPRoutePartiallyInvalidViaInvalidReferenceGrant",
  "HTTPRoutePathMatchOrder",
  "HTTPRouteQueryParamMatching",
  "HTTPRouteRedirectHostAndStatus",
  "HTTPRouteRedirectPort",
  "HTTPRouteRedirectPortAndScheme",
  "HTTPRouteRedirectScheme",
  "HTTPRouteReferenceGrant",
  "HTTPRouteRequestHeaderModifier",
  "HTTPRouteRequestHeaderModifierBackendWeights",
  "HTTPRouteRequestMirror",
  "HTTPRouteRequestMultipleMirrors",
  "HTTPRouteResponseHeaderModifier",
  "HTTPRouteServiceTypes",
  "HTTPRouteSimpleSameNamespace",
  "HTTPRouteWeight",
];

/** Features whose tests are skipped, and why: the gateway is there to test Teal, which writes none of these. */
const ANOTHER_ROUTE = "Teal writes no route of this kind";
const NEVER_WRITTEN = "Teal writes nothing of this into a route; where a user does, it stays as it is";
const THE_GATEWAYS_OWN = "a matter between a Gateway and its owner, which no route touches";
const SKIPPED: Readonly<Record<string, string>> = {
  BackendTLSPolicy: THE_GATEWAYS_OWN,
  GRPCRoute: ANOTHER_ROUTE,
  GatewayAddressEmpty: THE_GATEWAYS_OWN,
  GatewayBackendClientCertificate: THE_GATEWAYS_OWN,
  GatewayFrontendClientCertificateValidation: THE_GATEWAYS_OWN,
  GatewayHTTPListenerIsolation: THE_GATEWAYS_OWN,
  GatewayHTTPSListenerDetectMisdirectedRequests: THE_GATEWAYS_OWN,
  GatewayInfrastructure: THE_GATEWAYS_OWN,
  GatewayStaticAddresses: THE_GATEWAYS_OWN,
  HTTPRoute303RedirectStatusCode: NEVER_WRITTEN,
  HTTPRoute307RedirectStatusCode: NEVER_WRITTEN,
  HTTPRoute308RedirectStatusCode: NEVER_WRITTEN,
  HTTPRouteBackendProtocolH2C: NEVER_WRITTEN,
  HTTPRouteBackendProtocolWebSocket: NEVER_WRITTEN,
  HTTPRouteBackendTimeout: NEVER_WRITTEN,
  HTTPRouteCORS: NEVER_WRITTEN,
  HTTPRouteHostRewrite: NEVER_WRITTEN,
  HTTPRoutePathRedirect: NEVER_WRITTEN,
  HTTPRoutePathRewrite: NEVER_WRITTEN,
  HTTPRouteRequestPercentageMirror: NEVER_WRITTEN,
  HTTPRouteRequestTimeout: NEVER_WRITTEN,
  HTTPRouteRetry: NEVER_WRITTEN,
  ListenerSet: THE_GATEWAYS_OWN,
  Mesh: "there is no mesh in the test cluster",
  TCPRoute: ANOTHER_ROUTE,
  TLSRoute: ANOTHER_ROUTE,
  UDPRoute: ANOTHER_ROUTE,
};

/** They take half a minute; what fails waits for its own time-outs, which are shorter than usual. */
const AT_MOST_MS = 400_000;
const TIMEOUTS = {
  GatewayListenersMustHaveConditions: 20,
  GatewayMustHaveAddress: 30,
  GatewayMustHaveCondition: 30,
  GatewayStatusMustHaveListeners: 20,
  HTTPRouteMustHaveCondition: 20,
  HTTPRouteMustNotHaveParents: 20,
  NamespacesMustBeReady: 120,
  RouteMustHaveParents: 20,
};

const cluster = await sharedCluster();
let gateway: TestGateway;
let output = "";

beforeAll(async () => {
  gateway = await startGateway(cluster);
  output = await run();
}, AT_MOST_MS + 30_000);

afterAll(async () => {
  await gateway.stop();
  await cluster.stop();
});

async function run(): Promise<string> {
  const overrides = Object.entries(TIMEOUTS).map(([name, seconds]) => `${name}:${seconds}`);
  const args = [
    "-test.v",
    `--gateway-class=${GATEWAY_CLASS}`,
    `--supported-features=${FEATURES.join(",")}`,
    `--timeout-config-overrides=${overrides.join(";")}`,
  ];
  const child = spawn(conformanceProgram(), args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: AT_MOST_MS,
  });
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return `${said}${complaints}`;
}

/** Names of the official tests that ended so. */
function ended(how: "PASS" | "FAIL" | "SKIP"): readonly string[] {
  const pattern = new RegExp(`^    --- ${how}: TestConformance/(\\S+) `, "gm");
  return [...output.matchAll(pattern)].map(([, name = ""]) => name);
}

describe("the gateway of the test cluster conforms to the Gateway API", () => {
  test.each(PASSED)("%s", (name) => {
    const passed = ended("PASS").includes(name);
    expect(passed, passed ? "" : storyOf(name)).toBe(true);
  });

  test("no test passes or fails that is not named here", () => {
    expect(ended("PASS").toSorted()).toEqual(PASSED.toSorted());
    expect(ended("FAIL")).toEqual([]);
  });

  test("every test that is skipped has its reason here", () => {
    const features = [...output.matchAll(/Skipping \S+: suite does not support (\S+)/g)].map(
      ([, name]) => name,
    );
    expect(features).toHaveLength(ended("SKIP").length);
    expect(new Set(features)).toEqual(new Set(Object.keys(SKIPPED)));
  });
});

/** What the tests printed between the begin of one and the next; all of the end when it never began. */
function storyOf(name: string): string {
  const begin = output.indexOf(`=== RUN   TestConformance/${name}\n`);
  return begin === -1 ? output.slice(-4_000) : output.slice(begin, begin + 6_000);
}
