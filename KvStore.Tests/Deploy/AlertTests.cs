using System.Text.RegularExpressions;
using KvStore.Tests.House;

namespace KvStore.Tests.Deploy;

public sealed partial class AlertTests
{
    [Fact]
    public void What_to_do_about_each_alert_stands_where_the_rules_say()
    {
        var alerts = Name().Matches(Repository.Read("deploy/grafana/alerts.yaml"))
            .Select(match => match.Groups[1].Value).ToList();
        Assert.NotEmpty(alerts);
        var page = Repository.Read("docs/operating.md");
        Assert.All(alerts, alert => Assert.Contains($"`{alert}`", page));
    }

    [GeneratedRegex("alert: (\\w+)")]
    private static partial Regex Name();
}
