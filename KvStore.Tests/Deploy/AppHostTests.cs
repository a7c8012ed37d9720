using KvStore.Tests.House;
using KvStore.Topology;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.Deploy;

/// <summary>What can be known of the AppHost where Aspire's packages are not there and it is not compiled.</summary>
public sealed class AppHostTests
{
    private const string Project = "KvStore.AppHost";

    private static readonly SourceFile[] Sources = [.. Repository.Sources.Where(file => file.Project == Project)];

    [Fact]
    public void It_is_CSharp() => Assert.DoesNotContain(
        Sources.SelectMany(source => source.Root.GetDiagnostics()),
        found => found.Severity == DiagnosticSeverity.Error);

    [Theory]
    [InlineData(typeof(Variables))]
    [InlineData(typeof(Containers))]
    [InlineData(typeof(ClusterTopology))]
    public void What_it_takes_from_the_topology_is_there(Type type)
    {
        var members = type.GetMembers().Select(member => member.Name).ToHashSet();
        var taken = TakenFrom(type);

        Assert.NotEmpty(taken);
        Assert.Empty(taken.Except(members));
    }

    [Fact]
    public void It_sets_every_variable_that_a_node_of_the_topology_has_but_those_that_Aspire_sets()
    {
        var known = typeof(Variables).GetFields()
            .ToDictionary(field => (string)field.GetValue(null)!, field => field.Name);

        Assert.Equal(
            ClusterTopology.Create().Nodes[0].Environment.Keys
                .Except([Variables.NodePort, Variables.ClusterNodes])
                .Concat([Variables.Partitions, Variables.ClusterSecret])
                .Select(variable => known[variable])
                .Order(),
            TakenFrom(typeof(Variables)).Order());
    }

    [Fact]
    public void The_Azure_Developer_CLI_is_sent_to_it()
    {
        var service = Yaml.Parse(Repository.Read("azure.yaml")).At("services", "app");

        Assert.Equal("containerapp", service.Text("host"));
        Assert.Equal("dotnet", service.Text("language"));
        Assert.Equal($"./{Project}/{Project}.csproj", service.Text("project"));
    }

    private static HashSet<string> TakenFrom(Type type) =>
        [.. Sources.SelectMany(source => source.Root.DescendantNodes()).OfType<MemberAccessExpressionSyntax>()
            .Where(access => access.Expression.ToString() == type.Name)
            .Select(access => access.Name.Identifier.Text)];
}
