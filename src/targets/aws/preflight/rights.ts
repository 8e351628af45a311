import type { Finding } from "../../../ports/target.ts";
import type { Found } from "../found.ts";
import type { AwsSettings } from "../settings.ts";

/**
 * Actions that write. Neither Elastic Load Balancing nor Auto Scaling can be asked without doing it (only EC2 knows
 * `DryRun`), so that a plan cannot prove them; the reads prove themselves.
 */
export function writeActions({ reach }: Pick<AwsSettings, "reach">, { rules }: Found): readonly string[] {
  return [
    ...(rules.some((rule) => !rule.isDefault) ? ["elasticloadbalancing:ModifyRule"] : []),
    ...(rules.some((rule) => rule.isDefault) ? ["elasticloadbalancing:ModifyListener"] : []),
    "elasticloadbalancing:AddTags",
    ...(reach.by === "headerRule"
      ? ["elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteRule"]
      : []),
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:SuspendProcesses",
    "autoscaling:ResumeProcesses",
    "autoscaling:CreateOrUpdateTags",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:RunInstances",
    "iam:PassRole",
  ];
}

export function unprovenRights(settings: AwsSettings, found: Found): readonly Finding[] {
  const message = `whether these may be called cannot be tried without doing it: ${writeActions(settings, found).join(", ")}`;
  return [{ is: "unproven", cause: { code: "TEAL-A615", message } }];
}
