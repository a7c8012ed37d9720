using System.Xml.Linq;

namespace KvStore.Tests.Deploy;

/// <summary>What a project file says of its image.</summary>
internal sealed class ImageProject
{
    private readonly XDocument _xml;

    private ImageProject(XDocument xml) => _xml = xml;

    public string Repository => Property("ContainerRepository");

    public string Family => Property("ContainerFamily");

    public string User => Property("ContainerUser");

    public string[] Ports =>
        [.. _xml.Descendants("ContainerPort").Select(port => port.Attribute("Include")!.Value)];

    public IReadOnlyDictionary<string, string> Environment =>
        _xml.Descendants("ContainerEnvironmentVariable").ToDictionary(
            variable => variable.Attribute("Include")!.Value, variable => variable.Attribute("Value")!.Value);

    /// <summary>Folders that are made for the image, relative to the program's.</summary>
    public string[] Folders =>
        [.. _xml.Descendants("MakeDir").SelectMany(made => made.Attribute("Directories")!.Value.Split(';'))
            .Select(folder => folder.Replace("$(PublishDir)", "", StringComparison.Ordinal))];

    public static ImageProject Of(string project) =>
        new(House.Repository.Projects.Single(candidate => candidate.Name == project).Xml);

    private string Property(string name) => _xml.Descendants(name).Single().Value;
}
