using KvStore.Balancer;
using KvStore.ServiceDefaults;

return await StartupErrors.RunOrExplainAsync(() => BalancerApp.Build(args));
