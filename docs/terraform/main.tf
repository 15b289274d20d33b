# SPDX-License-Identifier: Apache-2.0
# Puts Vedette into the containers of an aws_ecs_task_definition. It needs sh, jq and vedette where Terraform runs.

variable "container_definitions" {
  description = "What container_definitions would be without Vedette (jsonencode([...]))."
  type        = string
}

variable "image" {
  description = "The sidecar's image, in your registry."
  type        = string
}

variable "options" {
  description = "Further options of `vedette instrument`, for example [\"--log-group\", \"/vedette\"]."
  type        = list(string)
  default     = []
}

data "external" "vedette" {
  program = concat(["sh", "-c", <<-SCRIPT
    set -e
    given=$(jq -r .container_definitions)
    made=$(printf '%s' "$given" | vedette instrument - "$@")
    printf '%s' "$made" | jq -c '{
      container_definitions: tojson,
      volumes: ([.[] | select(.dockerLabels["vedette.undo"]?) | .mountPoints[].sourceVolume] | unique | join(","))
    }'
    SCRIPT
  , "vedette", "--image", var.image], var.options)
  query = { container_definitions = var.container_definitions }
}

output "container_definitions" {
  description = "For aws_ecs_task_definition."
  value       = data.external.vedette.result.container_definitions
}

output "volumes" {
  description = "Names of the volumes that the task definition must have besides its own."
  value       = toset(split(",", data.external.vedette.result.volumes))
}
