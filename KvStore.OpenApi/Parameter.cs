using System.Text.Json.Nodes;

namespace KvStore.OpenApi;

/// <summary>What a request says in its path, its query or its head.</summary>
/// <param name="Id">Its name among the document's components.</param>
/// <param name="In"><c>path</c>, <c>query</c> or <c>header</c>.</param>
/// <param name="Name">Its name on the wire.</param>
/// <param name="Schema">Makes the grammar of its value.</param>
/// <param name="Example">A value that is taken.</param>
/// <param name="Description">What it does, its limits, and what holds without it.</param>
internal sealed record Parameter(
    string Id, string In, string Name, Func<JsonObject> Schema, string Example, string Description)
{
    /// <summary>Whether it says nothing with <c>HEAD</c>.</summary>
    public bool IsOfGetAlone { get; init; }

    /// <summary>Whether it stands without a value.</summary>
    public bool IsBare { get; init; }
}

/// <summary>A header of an answer.</summary>
/// <param name="Name">Its name on the wire.</param>
/// <param name="Schema">Makes the grammar of its value.</param>
/// <param name="Example">A value that it may have.</param>
/// <param name="Description">What it tells, and when it is absent.</param>
internal sealed record Header(string Name, Func<JsonObject> Schema, string Example, string Description)
{
    /// <summary>Its name among the document's components.</summary>
    public string Id { get; init; } = Name;
}
