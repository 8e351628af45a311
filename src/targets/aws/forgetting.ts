import type { Answer, AwsApi } from "./api/api.ts";

/** What of the load balancer can be made anew, with another ARN, while this process runs (Terraform does). */
const GONE: readonly string[] = ["RuleNotFound", "TargetGroupNotFound", "ListenerNotFound"];

/** The same account; `forget` is called when it does not know any more what a call names. */
export function forgetting(api: AwsApi, forget: () => void): AwsApi {
  const told = async <T>(asking: Promise<Answer<T>>): Promise<Answer<T>> => {
    const answer = await asking;
    if (answer.is === "failed" && GONE.includes(answer.code)) forget();
    return answer;
  };
  const { region, elb, scaling, compute, metrics, parameters, rights } = api;
  return {
    region,
    elb: {
      ...elb,
      rules: (by, call) => told(elb.rules(by, call)),
      tags: (arns, call) => told(elb.tags(arns, call)),
      targetHealth: (arn, call) => told(elb.targetHealth(arn, call)),
      modifyRule: (rule, actions, call) => told(elb.modifyRule(rule, actions, call)),
      modifyListener: (listener, actions, call) => told(elb.modifyListener(listener, actions, call)),
    },
    scaling,
    compute,
    metrics,
    parameters,
    rights,
    caller: (signal) => api.caller(signal),
    close: () => api.close(),
  };
}
