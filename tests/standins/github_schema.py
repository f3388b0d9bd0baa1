"""The part of GitHub's GraphQL schema that the stand-in serves: every field that is queried.

Written by hand, and compared by a test with the schema that GitHub publishes.
"""

SDL = """
scalar DateTime
scalar GitObjectID
scalar GitTimestamp
scalar URI

enum IssueState { CLOSED OPEN }
enum PullRequestState { CLOSED MERGED OPEN }

interface GitObject {
  oid: GitObjectID!
}

type Query {
  rateLimit(dryRun: Boolean = false): RateLimit
  repository(followRenames: Boolean = true, name: String!, owner: String!): Repository
}

type RateLimit {
  cost: Int!
  limit: Int!
  nodeCount: Int!
  remaining: Int!
  resetAt: DateTime!
  used: Int!
}

type Repository {
  archivedAt: DateTime
  databaseId: Int
  defaultBranchRef: Ref
  description: String
  forkCount: Int!
  homepageUrl: URI
  isArchived: Boolean!
  isDisabled: Boolean!
  isEmpty: Boolean!
  issues(first: Int, states: [IssueState!]): IssueConnection!
  licenseInfo: License
  nameWithOwner: String!
  pullRequests(first: Int, states: [PullRequestState!]): PullRequestConnection!
  pushedAt: DateTime
  repositoryTopics(first: Int): RepositoryTopicConnection!
  stargazerCount: Int!
}

type IssueConnection { totalCount: Int! }
type PullRequestConnection { totalCount: Int! }
type RepositoryTopicConnection { nodes: [RepositoryTopic] totalCount: Int! }
type RepositoryTopic { topic: Topic! }
type Topic { name: String! }
type License { spdxId: String }

type Ref {
  name: String!
  target: GitObject
}

type Commit implements GitObject {
  author: GitActor
  authoredDate: DateTime!
  committedDate: DateTime!
  history(after: String, first: Int, since: GitTimestamp): CommitHistoryConnection!
  oid: GitObjectID!
}

type CommitHistoryConnection { nodes: [Commit] pageInfo: PageInfo! totalCount: Int! }
type PageInfo { endCursor: String hasNextPage: Boolean! }
type GitActor { user: User }
type User { login: String! }
"""
