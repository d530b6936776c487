#!/bin/bash
# Runs a one-off task of a stage, shows its log and ends with its exit code:
#   infra/run-task.sh <stage> seed|replay|verify|operator|importer|projections [arguments instead of the task's own]
set -euo pipefail

[ $# -ge 2 ] || { sed -n '3p' "$0" >&2; exit 2; }
readonly STAGE=$1 TASK=$2
shift 2
OUTPUTS="$(dirname "$0")/../cdk.out/outputs-$STAGE.json"
readonly OUTPUTS
output() {
  node -p "JSON.parse(require('fs').readFileSync('$OUTPUTS'))['jetledger-$STAGE-services'].$1"
}

overrides='{}'
if [ $# -gt 0 ]; then
  overrides=$(node -p 'JSON.stringify({containerOverrides:[{name:"program",command:process.argv.slice(1)}]})' -- "$@")
fi
cluster=$(output ClusterName)
network="awsvpcConfiguration={subnets=[$(output TaskSubnets)],securityGroups=[$(output TaskGroups)],assignPublicIp=DISABLED}"
task=$(aws ecs run-task --cluster "$cluster" --task-definition "jetledger-$STAGE-$TASK" --launch-type FARGATE \
  --network-configuration "$network" --overrides "$overrides" --query 'tasks[0].taskArn' --output text)
echo "started $task" >&2

# the CLI's own waiter gives up after 10 minutes, and a replay may take hours
until [ "$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" --query 'tasks[0].lastStatus' --output text)" = STOPPED ]; do
  sleep 5
done
aws logs get-log-events --log-group-name "/jetledger/$STAGE/$TASK" --log-stream-name "program/program/${task##*/}" \
  --query 'events[].message' --output text
code=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$task" \
  --query "tasks[0].containers[?name=='program'].exitCode | [0]" --output text)
echo "exit code $code" >&2
[[ $code =~ ^[0-9]+$ ]] && exit "$code"
exit 1
