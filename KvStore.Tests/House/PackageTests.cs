using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace KvStore.Tests.House;

public sealed partial class PackageTests
{
    private const string Decision = "docs/decisions/0002-packages.md";

    private static IEnumerable<XElement> Versions =>
        XDocument.Parse(Repository.Read("Directory.Packages.props")).Descendants("PackageVersion");

    [Fact]
    public void Every_version_is_exact() =>
        Repository.AssertNone(
            from package in Versions
            where !Exact().IsMatch(package.Attribute("Version")?.Value ?? "")
            select package.ToString(),
            "Versions are written [x.y.z].");

    [Fact]
    public void No_project_has_a_version_of_its_own() =>
        Repository.AssertNone(
            from project in Repository.Projects
            from package in project.Xml.Descendants("PackageReference")
            where package.Attributes().Any(attribute => attribute.Name.LocalName.Contains("Version"))
            select $"{project.Name}: {package}",
            "Versions stand in Directory.Packages.props alone.");

    [Fact]
    public void Every_package_has_its_reason()
    {
        var reasons = Repository.Read(Decision);

        Repository.AssertNone(
            from package in Versions
            let name = package.Attribute("Include")!.Value
            where !reasons.Contains($"`{name}`", StringComparison.Ordinal)
            select name,
            $"Each package is named in {Decision}, with its reason.");
    }

    [Fact]
    public void Every_reason_has_its_package()
    {
        var names = Versions.Select(package => package.Attribute("Include")!.Value).ToHashSet();

        Repository.AssertNone(
            from row in Row().Matches(Repository.Read(Decision))
            where !names.Contains(row.Groups["name"].Value)
            select row.Groups["name"].Value,
            $"{Decision} names no package that is not there.");
    }

    /// <summary>Aspire's are asked for by projects that are built only where the feed has them.</summary>
    [Fact]
    public void Every_package_is_used()
    {
        var used = Repository.Projects.SelectMany(project => project.PackageReferences)
            .Concat(XDocument.Parse(Repository.Read("Directory.Build.props"))
                .Descendants("PackageReference").Select(package => package.Attribute("Include")!.Value))
            .ToHashSet();

        Repository.AssertNone(
            from package in Versions
            let name = package.Attribute("Include")!.Value
            where !used.Contains(name) && !name.StartsWith("Aspire.", StringComparison.Ordinal)
            select name,
            "A package nobody uses is taken out.");
    }

    [GeneratedRegex(@"^\[\d+\.\d+\.\d+(\.\d+|-beta\.\d+)?\]$")]
    private static partial Regex Exact();

    [GeneratedRegex(@"^\| `(?<name>[^`]+)`", RegexOptions.Multiline)]
    private static partial Regex Row();
}
