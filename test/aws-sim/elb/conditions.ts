import type { Input } from "../kernel.ts";
import { invalid, need, record, records, text, texts } from "./input.ts";
import type { Condition } from "./model.ts";
import { QUOTAS } from "./quotas.ts";

/* Conditions of rules: read from a request and checked. Guide, "Rule conditions"; API reference, RuleCondition. */

/** Each rule can have one condition of each of these, and several of the others. */
const ONCE = ["host-header", "path-pattern", "http-request-method", "source-ip"];

export function readConditions(input: Input): readonly Condition[] {
  const conditions = records(input, "Conditions").map(readCondition);
  if (conditions.length === 0) throw invalid("Conditions must not be empty");
  for (const field of ONCE) {
    if (conditions.filter(({ Field }) => Field === field).length > 1) {
      throw invalid(`A rule can have one condition with field '${field}'`);
    }
  }
  const values = conditions.flatMap(valuesOf);
  if (values.length > QUOTAS["condition-values-per-alb-rule"]) {
    throw invalid(`A rule can have at most ${QUOTAS["condition-values-per-alb-rule"]} condition values`);
  }
  const wildcards = values.join("").replace(/[^*?]/g, "").length;
  if (wildcards > QUOTAS["condition-wildcards-per-alb-rule"]) {
    throw invalid(`A rule can have at most ${QUOTAS["condition-wildcards-per-alb-rule"]} wildcards`);
  }
  return conditions;
}

const valuesOf = (condition: Condition): readonly string[] =>
  condition.Values ??
  condition.HttpHeaderConfig?.Values ??
  condition.QueryStringConfig?.Values.map(({ Key, Value }) => `${Key ?? ""}${Value}`) ??
  [];

function readCondition(input: Input): Condition {
  const Field = need(input, "Field");
  if (texts(input, "RegexValues").length > 0) throw invalid("RegexValues are not known to this simulator");
  switch (Field) {
    case "host-header": {
      const Values = either(input, "HostHeaderConfig", 128, /^[-A-Za-z0-9.*?]+$/);
      return { Field, Values, HostHeaderConfig: { Values } };
    }
    case "path-pattern": {
      const Values = either(input, "PathPatternConfig", 128, /^[-A-Za-z0-9_.$/~"'@:+&*?;!,()=%[\]^{}|]+$/);
      return { Field, Values, PathPatternConfig: { Values } };
    }
    case "http-header":
      return { Field, HttpHeaderConfig: readHeader(input) };
    case "query-string":
      return { Field, QueryStringConfig: readQuery(input) };
    case "http-request-method": {
      const Values = either(input, "HttpRequestMethodConfig", 40, /^[A-Z_-]+$/);
      return { Field, Values, HttpRequestMethodConfig: { Values } };
    }
    case "source-ip": {
      const Values = either(input, "SourceIpConfig", 49, /^\d+\.\d+\.\d+\.\d+\/\d+$/);
      return { Field, Values, SourceIpConfig: { Values } };
    }
    default:
      throw invalid(
        `Condition field '${Field}' must be one of host-header, path-pattern, http-header, query-string, http-request-method, source-ip`,
      );
  }
}

/** The short form (`Values`) or the one with a structure; both are answered. */
function either(input: Input, member: string, longest: number, pattern: RegExp): readonly string[] {
  const config = record(input, member);
  const values = config === undefined ? texts(input, "Values") : texts(config, "Values");
  if (config !== undefined && texts(input, "Values").length > 0) {
    throw invalid(`Values and ${member} cannot both be given`);
  }
  if (values.length === 0) throw invalid(`A condition with field '${text(input, "Field")}' needs a value`);
  for (const value of values) {
    if (value.length > longest || !pattern.test(value))
      throw invalid(`Condition value '${value}' is not valid`);
  }
  return values;
}

function readHeader(input: Input): NonNullable<Condition["HttpHeaderConfig"]> {
  const config = record(input, "HttpHeaderConfig");
  if (config === undefined) throw invalid("A condition with field 'http-header' needs HttpHeaderConfig");
  const HttpHeaderName = need(config, "HttpHeaderName");
  // API reference, HttpHeaderConditionConfig: up to 40 characters of a token, no wildcards; not the Host header.
  if (!/^[!#$%&'+.^_`|~0-9A-Za-z-]{1,40}$/.test(HttpHeaderName) || /^host$/i.test(HttpHeaderName)) {
    throw invalid(`HttpHeaderName '${HttpHeaderName}' is not valid`);
  }
  const Values = texts(config, "Values");
  if (Values.length === 0 || Values.some((value) => value.length > 128)) {
    throw invalid("HttpHeaderConfig needs values of at most 128 characters");
  }
  return { HttpHeaderName, Values };
}

function readQuery(input: Input): NonNullable<Condition["QueryStringConfig"]> {
  const config = record(input, "QueryStringConfig");
  const Values = (config === undefined ? [] : records(config, "Values")).map((pair) => {
    const Key = text(pair, "Key");
    return { ...(Key !== undefined && { Key }), Value: need(pair, "Value") };
  });
  if (Values.length === 0) throw invalid("A condition with field 'query-string' needs QueryStringConfig");
  return { Values };
}
