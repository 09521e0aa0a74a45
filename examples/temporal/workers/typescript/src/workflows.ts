import { proxyActivities } from '@temporalio/workflow';

const { Activity } = proxyActivities<{ Activity(name: string): Promise<string> }>({
  startToCloseTimeout: '10 seconds',
});

export async function Workflow(name: string): Promise<string> {
  return Activity(name);
}
