using System.Collections.Immutable;
using KvStore.Contracts;

namespace KvStore.OpenApi;

/// <summary>One verb on one path: all that the document says of it.</summary>
internal sealed record Operation
{
    public required string Method { get; init; }

    public required string Path { get; init; }

    public required string Id { get; init; }

    public required Tag Tag { get; init; }

    /// <summary>A few words.</summary>
    public required string Summary { get; init; }

    /// <summary>Sentences, in Markdown.</summary>
    public required string Description { get; init; }

    public ImmutableArray<Parameter> Parameters { get; init; } = [];

    /// <summary>What the request carries; null: no body is taken.</summary>
    public Body? Body { get; init; }

    public required ImmutableArray<Answer> Answers { get; init; }

    /// <summary>Why it can be refused, in any order.</summary>
    public ImmutableArray<ProblemType> Problems { get; init; } = [];

    /// <summary>Why one of its items can be refused while the whole is answered.</summary>
    public ImmutableArray<ProblemType> ItemProblems { get; init; } = [];

    /// <summary>The same as <c>HEAD</c>: no answer has a body.</summary>
    public Operation AsHead(params ReadOnlySpan<ProblemType> without) => this with
    {
        Method = "HEAD",
        Id = "head" + Id.AsSpan(3).ToString(),
        Summary = Summary + ": the headers alone",
        Description = "As `GET`, without the body of any answer.",
        Parameters = [.. Parameters.Where(parameter => !parameter.IsOfGetAlone)],
        Answers = [.. Answers.Where(answer => answer.Status != 206).Select(answer => answer with { Contents = [] })],
        Problems = Problems.RemoveRange(without.ToArray()),
    };
}

/// <summary>What a request carries.</summary>
/// <param name="Description">What it is, and its limits.</param>
/// <param name="IsRequired">Whether there must be one.</param>
/// <param name="Contents">By media type.</param>
internal sealed record Body(string Description, bool IsRequired, ImmutableArray<Content> Contents);

/// <summary>One form of a body.</summary>
/// <param name="MediaType">Its type, or <c>*/*</c>.</param>
/// <param name="Types">The record of the contracts that it is, or one of several; none: bytes.</param>
/// <param name="Example">As it stands on the wire.</param>
internal sealed record Content(string MediaType, ImmutableArray<Type> Types, string? Example = null)
{
    /// <summary>JSON of one record.</summary>
    public static Content Json<T>(string example) => new("application/json", [typeof(T)], example);
}

/// <summary>An answer that is no problem.</summary>
internal sealed record Answer(int Status, string Description)
{
    public ImmutableArray<Header> Headers { get; init; } = [];

    public ImmutableArray<Content> Contents { get; init; } = [];
}

/// <summary>What operations are sorted by.</summary>
/// <param name="Name">A few words.</param>
/// <param name="Description">Sentences, in Markdown.</param>
internal sealed record Tag(string Name, string Description);
