// Code generated from spec/openapi.yaml by "npm run generate". DO NOT EDIT.

export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Tell what this is, and where to go on */
        get: operations["index"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the event stores */
        get: operations["listStores"];
        put?: never;
        /** Make an event store */
        post: operations["createStore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell of a store, with its statistics */
        get: operations["getStore"];
        put?: never;
        post?: never;
        /** Delete a store and all of its events, for ever */
        delete: operations["deleteStore"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/aggregates/{type}/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The instance: what stands behind the category and `-` in the stream's id.
                 * @example ann
                 */
                id: components["parameters"]["aggregateId"];
                /** @example default */
                store: components["parameters"]["store"];
                /**
                 * @description The aggregate, which is the category of its streams.
                 * @example account
                 */
                type: components["parameters"]["aggregateType"];
            };
            cookie?: never;
        };
        /**
         * Give the state of an aggregate's instance
         * @description As of the stream's last event, or at a moment: at most one of `version`, `position` and `time` is given. An instance
         *     without events has the state before the first one, and version -1.
         */
        get: operations["viewAggregate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/aggregates/{type}/{id}/commands/{command}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example deposit */
                command: components["parameters"]["command"];
                /**
                 * @description The instance: what stands behind the category and `-` in the stream's id.
                 * @example ann
                 */
                id: components["parameters"]["aggregateId"];
                /** @example default */
                store: components["parameters"]["store"];
                /**
                 * @description The aggregate, which is the category of its streams.
                 * @example account
                 */
                type: components["parameters"]["aggregateType"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Have a command executed
         * @description The aggregate decides on the state of its instance; what it decides is durable when the answer is there. A refusal by
         *     its own rules is `DOMAIN_ERROR`. A command with an id takes place once: given again, it has its first result.
         */
        post: operations["executeCommand"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/backup": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Copy the store while it is in use
         * @description A tar of the store's folder, which `nacre restore` takes. A stream that breaks off is no backup.
         */
        post: operations["backup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/blobs": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the blobs' keys, in no order */
        get: operations["listBlobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/blobs/{key}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description May have slashes, which stand in the path as they are: `/blobs/snapshots/order-1001`.
                 * @example snapshots/order-1001
                 */
                key: components["parameters"]["key"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Give a blob */
        get: operations["getBlob"];
        /** Keep a blob, durably, in place of what the key had */
        put: operations["putBlob"];
        post?: never;
        /** Delete a blob; one that is not there is deleted already */
        delete: operations["deleteBlob"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the collections that have a schema */
        get: operations["listCollections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Give a collection's schema */
        get: operations["getCollection"];
        /**
         * Declare a collection's schema, the first one or another one
         * @description Properties without an `id` keep the one that they had by this name, or are given one. What a property may change
         *     is told in spec/merge.md. The same schema again writes nothing. It counts when the answer is there.
         *     Who is confined to streams declares collections all of whose entities are theirs.
         */
        put: operations["declareCollection"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Query a collection, or list it
         * @description As a POST of the query. `p.NAME` is the value of the query's parameter `:NAME`: a text, which counts as what it is
         *     compared with; a repeated one is a list.
         */
        get: operations["listEntities"];
        put?: never;
        /** Create an entity */
        post: operations["createEntity"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities/{entity}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Give an entity
         * @description With everything that was acknowledged before, or as it was at events: what they and all that their authors had seen come to.
         *     Its `ETag` names its heads, and changes with them and with the schema.
         */
        get: operations["getEntity"];
        put?: never;
        post?: never;
        /**
         * Delete an entity
         * @description It is marked as deleted. Its history stays, so do changes that others make meanwhile, and it can be restored.
         */
        delete: operations["deleteEntity"];
        options?: never;
        head?: never;
        /**
         * Change an entity
         * @description Each of `set`, `add` and `remove` is an object by property; what they mean for each kind is told in spec/merge.md. Changes
         *     of others merge; with `If-Match` the change is made only where the entity is at these heads still. What changes nothing
         *     writes nothing.
         */
        patch: operations["changeEntity"];
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities/{entity}/conflicts": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Tell where several wrote different values at once
         * @description Setting the property settles it, also to the value that is shown.
         */
        get: operations["getEntityConflicts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities/{entity}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell what differs between two states of an entity */
        get: operations["diffEntity"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities/{entity}/history": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Tell what happened to an entity
         * @description Its events in this log's order, in which parents stand before their children, or backwards. Go on with `after` and `next`.
         */
        get: operations["getEntityHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities/{entity}/inspect": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Tell all about an entity
         * @description Also of a deleted one, and of one whose collection has no schema, whose values are by property id.
         */
        get: operations["inspectEntity"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/entities/{entity}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take the deletion of an entity back
         * @description One that is not deleted stays as it is.
         */
        post: operations["restoreEntity"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/live": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Follow the result of a query
         * @description Server-sent events, each with a `LiveNotice` as its data and the position as its id: first all rows of the result, and then what
         *     becomes of it. Whoever is slow is told at once what has changed meanwhile. A client that comes again with `Last-Event-ID`
         *     or `after` is told all rows again, in a notice with `reset`. An event `error` ends the stream. A result has at most 10,000
         *     rows, and a notice 16 MiB: a query that gives more ends with `TOO_LARGE`. A comment is a sign of life.
         */
        get: operations["followQuery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/policies": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Give who may read and who may write which entities */
        get: operations["getPolicies"];
        /**
         * Say who may read and who may write which entities
         * @description Conditions of the query language over an entity and the caller, whose claims are parameters: all claims of a token; of an API key
         *     the claims that it was made with; and for all `:sub`, who he is. They count from the answer on, for live queries as well.
         *     They do not restrict credentials with the permission `raw` or `*`, nor a server that is open to everybody. Others may not
         *     have the log of a collection that has policies: reading, following and subscribing to its events, appending to it, the
         *     history of its entities, undo and backups are `FORBIDDEN` to them.
         */
        put: operations["setPolicies"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/policies/test": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell what the policies let a caller do with an entity, and by which part of them */
        post: operations["testPolicies"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/collections/{collection}/query": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Query a collection, with parameters of any type
         * @description The language is that of spec/query.md. Everything that was acknowledged before counts. A query without columns gives
         *     entities, page by page, of 16 MiB at most; one with columns a table, all of it: 10,000 rows and 16 MiB at most (`TOO_LARGE`).
         *     It takes 30 s at most (`DEADLINE_EXCEEDED`; a setting of the server).
         */
        post: operations["queryEntities"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the open dead letters of all projections, process managers and subscriptions, the oldest first */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/events": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Read the log, or follow it
         * @description By `Accept`: a page of JSON; `application/x-ndjson`, the stored lines, without a limit but the one asked
         *     for; `text/event-stream`, the history and then what is appended, until the client leaves (there without `before`,
         *     `limit`, `direction`, `offset` and what bounds the end).
         *
         *     A parameter that is repeated means: one of them; different ones: all of them; `tag`: every one.
         */
        get: operations["readEvents"];
        put?: never;
        /**
         * Append to one or more streams, all or nothing
         * @description Three forms: `{appends, condition?}`; `{events, condition?}`, whose events go to the stream `__dcb__`;
         *     and a list of appends. Each stream may stand in a request once.
         */
        post: operations["appendEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/events/ws": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Follow the log over a WebSocket
         * @description Text frames, each a `ServerMessage`. Without parameters the client's first frame must be a
         *     `SubscribeMessage`. `caughtUp` comes as with server-sent events, and at a ping where events were passed
         *     over. A connection has one subscription: a second message is refused. The server closes after an error:
         *     with 1001 where it stops, 1009 for a message beyond 64 KiB, 1011 for what went wrong inside, else with 4000
         *     more than the error's HTTP status.
         */
        get: operations["followEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/head": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell the log's end, at once or when it has moved */
        get: operations["head"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/live": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Follow the results of many queries over one WebSocket
         * @description The client sends `LiveClientMessage`, the server `LiveServerMessage`. A query has the number that the client gave it, up to 64 at
         *     once; an error with a number ends that query only, one without ends the connection.
         */
        get: operations["followQueries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the modules, those that are retired among them */
        get: operations["listModules"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Give a module, with its active version */
        get: operations["getModule"];
        /**
         * Publish a version of a module
         * @description The binary is checked, its own tests are run, and a sample of the streams that are there is folded by it and by the
         *     active version. What it is refused for stands in `details.reasons`, and nothing is written then. Otherwise it executes the
         *     commands of its category from then on, unless the module is pinned. A binary that is there already is not published again.
         *     Who is confined to streams publishes modules all of whose streams are theirs.
         */
        put: operations["publishModule"];
        post?: never;
        /**
         * End the commands of a module's category
         * @description Versions stay, and publishing brings it back.
         */
        delete: operations["retireModule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules/{name}/diff": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell what differs between two versions */
        get: operations["diffModule"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules/{name}/pin": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a version the active one, and keep it so when others are published */
        post: operations["pinModule"];
        /** Let the highest version be the active one */
        delete: operations["unpinModule"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules/{name}/rollback": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go back to the version that was active before, or to a given one */
        post: operations["rollBackModule"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules/{name}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List what was published, from version 1 */
        get: operations["listModuleVersions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/modules/{name}/versions/{version}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
                version: number;
            };
            cookie?: never;
        };
        /** Give the binary of a version */
        get: operations["getModuleBinary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the process managers that ever ran on the store, by name */
        get: operations["listProcessManagers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell how a process manager is */
        get: operations["getProcessManager"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List a process manager's open dead letters, the oldest first */
        get: operations["listProcessManagerDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/dead-letters/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell of an open dead letter */
        get: operations["getProcessManagerDeadLetter"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/dead-letters/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a process manager to give a dead letter up */
        post: operations["discardProcessManagerDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/dead-letters/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a process manager to try a dead letter again */
        post: operations["retryProcessManagerDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/dead-letters/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a process manager to give all of its dead letters up */
        post: operations["discardProcessManagerDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/dead-letters/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a process manager to try all of its dead letters again */
        post: operations["retryProcessManagerDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Order a process manager to pause
         * @description It stays paused, also when its program starts again, until it is ordered to resume.
         */
        post: operations["pauseProcessManager"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/process-managers/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a process manager to go on */
        post: operations["resumeProcessManager"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the projections that ever ran on the store, by name */
        get: operations["listProjections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell how a projection is */
        get: operations["getProjection"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List a projection's open dead letters, the oldest first */
        get: operations["listProjectionDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/dead-letters/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell of an open dead letter */
        get: operations["getProjectionDeadLetter"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/dead-letters/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to give a dead letter up */
        post: operations["discardProjectionDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/dead-letters/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to try a dead letter again */
        post: operations["retryProjectionDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/dead-letters/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to give all of its dead letters up */
        post: operations["discardProjectionDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/dead-letters/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to try all of its dead letters again */
        post: operations["retryProjectionDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Order a projection to pause
         * @description It stays paused, also when its program starts again, until it is ordered to resume.
         */
        post: operations["pauseProjection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/rebuild": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to be derived anew beside the one in use, and then take its place */
        post: operations["rebuildProjection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to forget what it derived, and begin from the start */
        post: operations["resetProjection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/projections/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Order a projection to go on */
        post: operations["resumeProjection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/query": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read by a filter in the body */
        post: operations["queryEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read stored lines by a filter in the body; for clients */
        post: operations["readLines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/settings": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a store's description and settings
         * @description What is left out stays as it is; a request that changes nothing is refused.
         */
        patch: operations["changeStore"];
        trace?: never;
    };
    "/event-stores/{store}/stream-types/{category}/streams": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example order */
                category: string;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * List the streams of a category
         * @description As the listing of all streams with the parameter `category`.
         */
        get: operations["listStreamsOfCategory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/streams": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List streams, in byte order of their ids */
        get: operations["listStreams"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/streams/{stream}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        /**
         * Read one stream
         * @description A stream that does not exist has no events and the version -1; that is no error.
         */
        get: operations["readStream"];
        put?: never;
        /**
         * Append events to one stream, all or none
         * @description Takes the expected version at the top, in `options`, or both where they are the same. Appending ids that
         *     the stream holds already, in the same order, is answered with 200, the first result and `"duplicate": true`.
         */
        post: operations["appendToStream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/streams/{stream}/events": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        /**
         * Read one stream
         * @description The same as without `/events`.
         */
        get: operations["readStreamEvents"];
        put?: never;
        /**
         * Append events to one stream
         * @description The same as without `/events`.
         */
        post: operations["appendStreamEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/streams/{stream}/events/{eventId}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With what is not allowed in a path escaped: `a/b` is `a%2Fb`. What resolves dots in paths on the way cannot
                 *     ask for the ids `.` and `..`; the parameter `eventId` of a read can.
                 * @example 01JD3Y8Q0V3M8S2Z6T5N9K4RWE
                 */
                eventId: components["parameters"]["event"];
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        /**
         * Find the event of a stream that bears an id
         * @description Costs a look-up, however long the stream is. Tells what became of an append whose answer was lost. Where the stream
         *     holds no such event, the answer is 404, and `details` has the `streamId` and the `eventId` that were looked for; a
         *     404 without them is of another kind.
         */
        get: operations["findEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscribe": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a subscription, in DeltaBase's form
         * @description The answer has DeltaBase's statuses: one that was paused is SUSPENDED, one that failures stopped is ERROR, one that is
         *     being retried is ACTIVE. Subscribers that only its cloud has are refused: `durable_object`, `queue`,
         *     `cloudflare_workflow`; and `websocket`, which is `…/events/ws`.
         */
        post: operations["subscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * List the store's subscriptions, by name
         * @description A credential that is confined to streams sees those whose filters stay within them.
         */
        get: operations["listSubscriptions"];
        put?: never;
        /**
         * Make a subscription
         * @description It is delivered from then on, also after the server is started again. Where there is one of the same name, or where no
         *     name is given, that has the same filter, `where`, policy and receiver, the answer is that one, with 200; another one of the name
         *     is SUBSCRIPTION_EXISTS. A credential that is confined to streams gives a filter whose items name streams or categories
         *     within them.
         */
        post: operations["createSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell how a subscription is */
        get: operations["getSubscription"];
        put?: never;
        post?: never;
        /**
         * Delete a subscription
         * @description Its dead letters are discarded. What is being sent at this moment arrives.
         */
        delete: operations["deleteSubscription"];
        options?: never;
        head?: never;
        /**
         * Change a subscription
         * @description What is left out stays; what is given takes the whole place of what was, apart from secrets, as the kind says. It goes on
         *     where it was: to have the past under another filter, replay it.
         */
        patch: operations["changeSubscription"];
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/ack": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell what became of a group's deliveries */
        post: operations["ack"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the events that could not be delivered, the oldest first */
        get: operations["listSubscriptionDeadLetters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/dead-letters/discard": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give dead letters up, those of the ids or all */
        post: operations["discardSubscriptionDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/dead-letters/retry": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver dead letters again
         * @description Those of the ids, or all. Each stays open until it has been delivered. They keep no order with other events.
         */
        post: operations["retrySubscriptionDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * List the last attempts to deliver, the newest first
         * @description The last 100 are remembered. Of a group, those that failed.
         */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/leave": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell that a consumer of a group goes
         * @description Others get at once what it had, and that does not count as an attempt. Polls of it that wait end with nothing.
         */
        post: operations["leave"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop the deliveries until they are resumed
         * @description What is being sent at this moment arrives.
         */
        post: operations["pauseSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/poll": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for events of a group, to work them off
         * @description Answers when there are some, or when `waitMs` is over. Each is answered for with an ack or a nack within the group's
         *     `ackDeadlineMs`; others get it then, and at once where the client was seen to be gone before the answer was out.
         */
        post: operations["poll"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Deliver everything from a position on, again
         * @description The position is given once, as a parameter or in the body. A paused subscription stays paused.
         */
        post: operations["replaySubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Go on with a subscription that is paused or suspended
         * @description Behind what was done, and with no attempts counted.
         */
        post: operations["resumeSubscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/subscriptions/{name}/ws": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * Work a group's events off over a WebSocket
         * @description Messages are JSON texts. The client sends `ConsumerMessage`s: `{"poll":{…}}`, one at a time, and `{"ack":[…],"nack":[…]}`;
         *     the server answers each with a `GroupMessage`, acks in their order. `{"error":{…}}` is the last word. The consumer
         *     leaves when the socket closes. Credentials may be given as the parameters `apiKey` and `authToken`.
         */
        get: operations["consumeWebSocket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/events": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Read or follow the companion log */
        get: operations["readSystemEvents"];
        put?: never;
        /** Append to streams of the companion log, all or nothing */
        post: operations["appendSystemEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/events/ws": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Follow the companion log over a WebSocket */
        get: operations["followSystemEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/head": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** Tell the companion log's end */
        get: operations["systemHead"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/query": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read the companion log by a filter in the body */
        post: operations["querySystemEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Read stored lines of the companion log */
        post: operations["readSystemLines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/stream-types/{category}/streams": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example order */
                category: string;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the companion log's streams of a category */
        get: operations["listSystemStreamsOfCategory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/streams": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /** List the companion log's streams */
        get: operations["listSystemStreams"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/streams/{stream}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        /** Read one stream of the companion log */
        get: operations["readSystemStream"];
        put?: never;
        /** Append to one stream of the companion log */
        post: operations["appendToSystemStream"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/streams/{stream}/events": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        /**
         * Read one stream of the companion log
         * @description The same as without `/events`.
         */
        get: operations["readSystemStreamEvents"];
        put?: never;
        /**
         * Append to one stream of the companion log
         * @description The same as without `/events`.
         */
        post: operations["appendSystemStreamEvents"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/system/streams/{stream}/events/{eventId}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With what is not allowed in a path escaped: `a/b` is `a%2Fb`. What resolves dots in paths on the way cannot
                 *     ask for the ids `.` and `..`; the parameter `eventId` of a read can.
                 * @example 01JD3Y8Q0V3M8S2Z6T5N9K4RWE
                 */
                eventId: components["parameters"]["event"];
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        /** Find the event of a stream of the companion log that bears an id */
        get: operations["findSystemEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make edits of any entities, all of them or none
         * @description Others see all of it or nothing. With `strict`, an entity that has changed since it was read here, by somebody else at the same
         *     time, is `APPEND_CONDITION_FAILED`; without, the edits merge.
         */
        post: operations["transact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/transactions/{position}/undo": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Of any event of the transaction.
                 * @example 17
                 */
                position: number;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a transaction back, in another one
         * @description What others wrote stays. The actor must be that of the transaction: one undoes one's own. Undoing an undo does it again; where
         *     nothing is left to undo nothing is written. An entity whose creation is undone is deleted.
         */
        post: operations["undoTransaction"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/transactions/undo": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take several transactions back, in another one
         * @description As of one; who undoes further back names all that the actor did since then to the same properties, undos included. Where some are left out,
         *     the error names their positions.
         */
        post: operations["undoTransactions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/websocket-connections": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        /**
         * List who follows the store now
         * @description WebSockets and server-sent events, those of the companion log too; the longest there first.
         */
        get: operations["listConnections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/event-stores/{store}/websocket-connections/{clientId}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description What the client calls itself, or the id of one connection. */
                clientId: string;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End the connections of a client
         * @description Each is told the reason. A client may connect again.
         */
        delete: operations["closeConnections"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process answers */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures for Prometheus
         * @description They tell of all stores, so that the credential must reach all of them.
         */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.yaml": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The server takes requests */
        get: operations["ready"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        AckRequest: {
            /** @description Deliveries that are worked off. */
            ack?: string[];
            consumer?: components["schemas"]["ConsumerName"];
            nack?: components["schemas"]["Nack"][];
        };
        AggregateState: {
            globalPosition: components["schemas"]["Position"];
            /** @description Any JSON. */
            state: unknown;
            streamId: string;
            /**
             * Format: int64
             * @description Of the last event that counted.
             */
            version: number;
        };
        Answered: {
            /** @description How many were taken. */
            done: number;
            /** @description Deliveries that are nobody's any more: their time was over, or the server was started again. Their events come again. */
            unknown: string[];
        };
        /**
         * @description What one append came to. With `Prefer: return=minimal` the last five stand in place of `events`, except for
         *     duplicates and where the events differ in time or transaction.
         */
        Appended: {
            createdAt?: components["schemas"]["Time"];
            createdNewStream: boolean;
            /** Format: int64 */
            currentStreamVersion: number;
            /**
             * @description The ids were there already: nothing was written.
             * @enum {boolean}
             */
            duplicate?: true;
            events?: components["schemas"]["Event"][];
            eventsAppended: number;
            eventsWritten: number;
            /** Format: int64 */
            firstGlobalPosition?: number;
            /** Format: int64 */
            firstStreamPosition?: number;
            /**
             * Format: int64
             * @description Of the last event.
             */
            globalPosition: number;
            /** Format: int64 */
            lastPosition: number;
            /**
             * Format: int64
             * @description What the next append has to expect.
             */
            nextExpectedStreamVersion: number;
            streamId: components["schemas"]["StreamID"];
            /** @enum {boolean} */
            success: true;
            transactionId?: string;
            transactionSize?: number;
        };
        AppendOptions: {
            expectedStreamVersion?: components["schemas"]["ExpectedVersion"];
        };
        AppendRequest: {
            events: components["schemas"]["NewEvents"];
            expectedStreamVersion?: components["schemas"]["ExpectedVersion"];
            options?: components["schemas"]["AppendOptions"];
        };
        /** @description One try to deliver a batch, of one event mostly. What names an event is of the first. */
        Attempt: {
            at: components["schemas"]["Time"];
            attempt: number;
            durationMs: number;
            /** @description Absent where it was taken. */
            error?: string;
            eventId: string;
            /** @description How many there are. */
            events: number;
            /** @description The batch's, a webhook's `webhook-id`; absent for a group. */
            id?: string;
            /** Format: int64 */
            position: number;
            /** @description The start of what it answered. */
            response?: string;
            /** @description What the receiver answered, HTTP's status. */
            status?: number;
            streamId: string;
            type: string;
        };
        Attempts: {
            deliveries: components["schemas"]["Attempt"][];
            pagination: components["schemas"]["Pagination"];
            totalCount: number;
        };
        Blobs: {
            keys: string[];
        };
        ChangeEntity: {
            /** @description What is added, by property: an amount, elements, entries. */
            add?: {
                [key: string]: unknown;
            };
            /** @description What else is to be known. The events' metadata keep it. */
            context?: {
                actor?: string;
                causationId?: string;
                correlationId?: string;
                metadata?: {
                    [key: string]: unknown;
                };
                sourceDevice?: string;
            };
            /** @description What is removed, by property: elements, keys, indexes. */
            remove?: {
                [key: string]: unknown;
            };
            /** @description Values by property. */
            set?: {
                [key: string]: unknown;
            };
        };
        /** @enum {string} */
        Code: "AGGREGATE_PANICKED" | "APPEND_CONDITION_FAILED" | "CANCELED" | "CONFIRMATION_REQUIRED" | "CROSS_ORIGIN" | "DAMAGED" | "DEADLINE_EXCEEDED" | "DOMAIN_ERROR" | "ENTITY_DELETED" | "ENTITY_EXISTS" | "EVENT_ID_CONFLICT" | "EVENT_STORE_EXISTS" | "EVENT_STORE_NOT_FOUND" | "EVENT_UNDECODABLE" | "FORBIDDEN" | "IDEMPOTENCY_CONFLICT" | "INTERNAL" | "INVALID_ARGUMENT" | "LOG_REWOUND" | "METHOD_NOT_ALLOWED" | "MODULE_FAILED" | "MODULE_OUT_OF_MEMORY" | "MODULE_REFUSED" | "MODULE_REPLY_INVALID" | "MODULE_TOO_DEEP" | "MODULE_TRAPPED" | "NOT_FOUND" | "PARENT_MISSING" | "POLICY_DENIED" | "PRECONDITION_FAILED" | "RATE_LIMITED" | "READ_ONLY" | "SHUTTING_DOWN" | "STATE_NOT_AVAILABLE" | "STORE_CLOSED" | "STORE_FAILED" | "STORE_FULL" | "STORE_LOCKED" | "SUBSCRIPTION_EXISTS" | "SUBSCRIPTION_HALTED" | "SUBSCRIPTION_NOT_FOUND" | "SUBSCRIPTION_WRONG_KIND" | "TOO_LARGE" | "TOO_MANY_CONNECTIONS" | "UNAUTHORIZED" | "UNKNOWN_COMMAND" | "UNSUPPORTED" | "VERSION_CONFLICT" | "WRONG_STREAM_KIND";
        Collection: {
            name: components["schemas"]["CollectionName"];
            schema: components["schemas"]["CollectionSchema"];
        };
        CollectionName: string;
        CollectionProperty: {
            /** @description What is read where there is no value: any JSON. */
            default?: unknown;
            /** @description The id that it had before it was retyped. */
            from?: string;
            /** @description What events call it. It stays where the name changes. */
            id?: string;
            /** @enum {string} */
            kind: "register" | "reference" | "counter" | "set" | "map" | "list";
            /** @description The collection that a reference is to. */
            of?: string;
            /**
             * @description Of its value, or of its elements.
             * @enum {string}
             */
            type: "text" | "bool" | "int64" | "float64" | "decimal" | "time" | "bytes" | "ref" | "json";
        };
        /** @description What spec/merge.md says of schemas. */
        CollectionSchema: {
            /** @description Names of properties, for queries. */
            indexes?: string[][];
            properties: {
                [key: string]: components["schemas"]["CollectionProperty"];
            };
        };
        CommandRequest: {
            /** @description Makes the command take place once, for ever. It counts within its stream. */
            commandId?: string;
            /** @description What else is to be known. The events' metadata keep it. */
            context?: {
                actor?: string;
                causationId?: string;
                correlationId?: string;
                metadata?: {
                    [key: string]: unknown;
                };
                sourceDevice?: string;
            };
            expectedVersion?: components["schemas"]["ExpectedVersion"];
            /** @description What the command takes: any JSON; absent is null. */
            payload?: unknown;
        };
        CommandResult: {
            /** @description It was executed before, and this is its first result. */
            duplicate?: boolean;
            events: components["schemas"]["Event"][];
            globalPosition: components["schemas"]["Position"];
            /** @description After the command: any JSON. Absent where the aggregate keeps it to itself, and for who lacks read:events. */
            state?: unknown;
            streamId: string;
            /**
             * Format: int64
             * @description Of the stream, after the command.
             */
            version: number;
        };
        CommitRequest: {
            appends: components["schemas"]["StreamAppend"][];
            condition?: components["schemas"]["Condition"];
        } | {
            condition?: components["schemas"]["Condition"];
            events: components["schemas"]["NewEvents"];
        } | components["schemas"]["StreamAppend"][];
        /**
         * @description What a batch came to, in its order. For the form that is a list, `streams` and `events` are there, and
         *     `appends` are without events.
         */
        Committed: {
            appends: {
                createdAt?: components["schemas"]["Time"];
                createdNewStream: boolean;
                /** Format: int64 */
                currentStreamVersion: number;
                /**
                 * @description The ids were there already: nothing was written.
                 * @enum {boolean}
                 */
                duplicate?: true;
                events?: components["schemas"]["Event"][];
                eventsAppended: number;
                eventsWritten: number;
                /** Format: int64 */
                firstGlobalPosition?: number;
                /** Format: int64 */
                firstStreamPosition?: number;
                /**
                 * Format: int64
                 * @description Of the last event.
                 */
                globalPosition: number;
                /** Format: int64 */
                lastPosition: number;
                /**
                 * Format: int64
                 * @description What the next append has to expect.
                 */
                nextExpectedStreamVersion: number;
                streamId: components["schemas"]["StreamID"];
                /** @enum {boolean} */
                success?: true;
                transactionId?: string;
                transactionSize?: number;
            }[];
            /** @enum {boolean} */
            duplicate?: true;
            events?: components["schemas"]["Event"][];
            eventsAppended: number;
            eventsWritten: number;
            /**
             * Format: int64
             * @description Of the last event.
             */
            globalPosition: number;
            /** Format: int64 */
            lastPosition: number;
            streams?: {
                /** Format: int64 */
                nextExpectedStreamVersion: number;
                streamId: components["schemas"]["StreamID"];
            }[];
            /** @enum {boolean} */
            success: true;
            transactionId?: string;
        };
        /** @description Fails the request where an event that the filter selects stands behind the position. */
        Condition: {
            /**
             * Format: int64
             * @default 0
             */
            after: number | null;
            failIfEventsMatch: components["schemas"]["Filter"];
        };
        Connections: {
            connections: {
                /** @description What the client called itself by the parameter `clientId`, else the connection's id. */
                clientId: string;
                connectedAt: components["schemas"]["Time"];
                connectionId: string;
                eventsSent: number;
                filter: components["schemas"]["Filter"];
                /** @description Up to here it was sent everything that it selects. */
                globalPosition: number;
                ipAddress: string;
                /** @description It follows the companion log. */
                system?: boolean;
                /** @enum {string} */
                transport: "sse" | "websocket";
                userAgent: string;
                where?: components["schemas"]["Where"];
            }[];
            eventStoreName: string;
            pagination: components["schemas"]["Pagination"];
            totalCount: number;
        };
        ConnectionsClosed: {
            connectionsClosedCount: number;
            message: string;
            success: boolean;
        };
        ConsumerMessage: {
            poll: {
                consumer?: components["schemas"]["ConsumerName"];
                /**
                 * @description The most events to give.
                 * @default 1
                 */
                max: number;
                /**
                 * @description How long to wait where there are none.
                 * @default 0
                 */
                waitMs: number;
            };
        } | components["schemas"]["AckRequest"];
        ConsumerName: string;
        CreateEntity: {
            /** @description What else is to be known. The events' metadata keep it. */
            context?: {
                actor?: string;
                causationId?: string;
                correlationId?: string;
                metadata?: {
                    [key: string]: unknown;
                };
                sourceDevice?: string;
            };
            /** @description Default: one is made. */
            id?: string;
            values?: components["schemas"]["EntityValues"];
        };
        /** @example 1042@01JD3Y8Q0V3M8S2Z6T5N9K4RWE */
        Cursor: string;
        /** @description What failed for good, until it is retried or discarded. */
        DeadLetter: {
            at?: components["schemas"]["Time"];
            attempts: number;
            /** @description The command's name. */
            command?: string;
            commandId?: string;
            /** @description Any JSON value: what a retry goes on with. */
            context?: unknown;
            error: components["schemas"]["Failure"];
            eventId?: string;
            /** @description Unique among those of one projection or process manager. */
            id: string;
            /** @description The process manager's instance. */
            instance?: string;
            kind: components["schemas"]["LetterKind"];
            name: components["schemas"]["RunnerName"];
            /** @description Any JSON value. */
            payload?: unknown;
            /**
             * Format: int64
             * @description Of the event that it is, or that caused it.
             */
            position?: number;
            streamId?: string;
            timer?: string;
            /** @description Whom the command was for. */
            to?: string;
            /** @description The event's. */
            type?: string;
            /** @description `event`, `command` or `timer`. */
            what: string;
        };
        DeadLetters: {
            deadLetters: components["schemas"]["DeadLetter"][];
            pagination: components["schemas"]["Pagination"];
            /** @description Without limit and offset. */
            totalCount: number;
        };
        Deleted: {
            message: string;
            /** @enum {boolean} */
            success: true;
        };
        Deliveries: {
            deliveries: components["schemas"]["Delivery"][];
        };
        Delivery: {
            attempt: number;
            /** @description What an ack names; another one at each attempt. */
            deliveryId: string;
            event: components["schemas"]["Event"];
        };
        /** @description One of three forms: {maxAttempts, backoffMinutes}; maxAttempts with strategy and so on; {maxRetries, backoffMultiplier}. */
        DeltaBaseRetry: {
            backoffMinutes?: number;
            backoffMultiplier?: number;
            /** Format: int64 */
            initialDelayMs?: number;
            jitterPercent?: number;
            maxAttempts?: number;
            /** Format: int64 */
            maxDelayMs?: number;
            maxRetries?: number;
            multiplier?: number;
            /** @enum {string} */
            strategy?: "exponential" | "linear" | "fixed";
        };
        DeltaBaseSubscribe: {
            eventFilter: components["schemas"]["OneOrMore"];
            /** @description The subscription's name. */
            id?: string;
            /**
             * @default latest
             * @enum {string}
             */
            initialPosition: "earliest" | "latest";
            subscriber: {
                /** @description Of a webhook: `url`, `headers`, `timeoutMs`, and `retryPolicy`. */
                config?: {
                    retryPolicy?: components["schemas"]["DeltaBaseRetry"];
                };
                /** @description `webhook`, or another kind that the server has. */
                type: string;
            };
        };
        /**
         * @default forwards
         * @enum {string}
         */
        Direction: "forwards" | "backwards" | "forward" | "backward" | "asc" | "desc";
        Discarded: {
            discarded: number;
        };
        Edit: {
            collection: components["schemas"]["CollectionName"];
            /** @enum {string} */
            do: "create" | "patch" | "delete" | "restore";
            /** @description The entity's. A creation without one has one made. */
            id?: string;
            patch?: components["schemas"]["EntityPatch"];
            values?: components["schemas"]["EntityValues"];
        };
        EditContextRequest: {
            /** @description What else is to be known. The events' metadata keep it. */
            context?: {
                actor?: string;
                causationId?: string;
                correlationId?: string;
                metadata?: {
                    [key: string]: unknown;
                };
                sourceDevice?: string;
            };
        };
        EditedEntity: components["schemas"]["Entity"] & {
            /** @description The Idempotency-Key was known: it took place before. */
            duplicate?: boolean;
            /**
             * Format: int64
             * @description 0 where there was nothing to write.
             */
            firstPosition: number;
            /** Format: int64 */
            lastPosition: number;
            /** @description The id of its first event. Absent where there was nothing to write. */
            transactionId?: string;
        };
        Entity: {
            collection: components["schemas"]["CollectionName"];
            deleted?: boolean;
            /** @description The events that the next edit has as parents. */
            heads: string[];
            id: string;
            /** @description By property; one without a value is not there. null while the entity is deleted; absent for who lacks read:events. */
            values?: {
                [key: string]: unknown;
            } | null;
        };
        EntityConflict: {
            /** @description The key of a map or the element of a list; empty in a register. */
            key: string;
            kind: string;
            property: string;
            /** @description The writes; the last one is shown. */
            survivors: {
                at: components["schemas"]["Time"];
                author?: string;
                eventId: string;
                shown: boolean;
                /** @description Any JSON. */
                value: unknown;
            }[];
        };
        /** @description What of an event cannot be read. The rest of it counts. */
        EntityDamage: {
            eventId: string;
            problem: string;
            /** @description Absent where it is the whole event. */
            property?: string;
        };
        EntityDifference: {
            /** @description Any JSON; null where it has none. */
            new: unknown;
            /** @description Any JSON; null where it had none. */
            old: unknown;
            property: string;
        };
        EntityEntry: {
            /** @description Who did it. */
            actor?: string;
            at: components["schemas"]["Time"];
            changes: {
                kind: string;
                /** @description As the event has it: any JSON. */
                operation: unknown;
                /** @description Its name, or its id where the schema has none for it; `$life` is whether the entity is deleted. */
                property: string;
            }[];
            damage?: components["schemas"]["EntityDamage"][];
            eventId: string;
            metadata?: {
                [key: string]: unknown;
            };
            parents: string[];
            /** Format: int64 */
            position: number;
            reason?: string;
            /** Format: int64 */
            streamPosition: number;
            tags?: string[];
            transactionId?: string;
            type: string;
            /** @description What took its effects away. */
            voided?: {
                eventId: string;
                reason?: string;
            };
            /** @description The events whose effects it takes away. */
            voids?: string[];
            /** @description It has no effect yet, because others are not there. */
            waiting?: boolean;
        };
        EntityHistory: {
            entries: components["schemas"]["EntityEntry"][];
            /**
             * Format: int64
             * @description For `after`; absent where there is nothing more.
             */
            next?: number;
        };
        EntityInspection: components["schemas"]["Entity"] & {
            conflicts: components["schemas"]["EntityConflict"][];
            damage: components["schemas"]["EntityDamage"][];
            /**
             * Format: int64
             * @description How many its stream has, those that wait included.
             */
            events: number;
            /**
             * Format: int64
             * @description Up to where the log counts.
             */
            position: number;
            /** @description The events that have no effect yet. */
            waiting: {
                eventId: string;
                /** @description What it waits for. */
                for: {
                    eventId: string;
                    streamId: string;
                }[];
                /** Format: int64 */
                position: number;
            }[];
        };
        EntityPage: {
            /** @description Of a query with columns. */
            columns?: string[];
            /** @description Of a query without columns. */
            entities?: {
                id: string;
                values: components["schemas"]["EntityValues"];
            }[];
            /** @description The cursor of the next page; absent where there is none. */
            next?: string;
            /**
             * Format: int64
             * @description Up to where the log counts.
             */
            position: number;
            rows?: unknown[][];
        };
        EntityPatch: {
            /** @description What is added, by property: an amount, elements, entries. */
            add?: {
                [key: string]: unknown;
            };
            /** @description What is removed, by property: elements, keys, indexes. */
            remove?: {
                [key: string]: unknown;
            };
            /** @description Values by property. */
            set?: {
                [key: string]: unknown;
            };
        };
        EntityQuery: {
            /** @description The `next` of the page before, of the same query. */
            after?: string;
            /** @description The values of ?: texts, numbers, booleans, nulls, lists of these. */
            args?: unknown[];
            /** @default 1000 */
            limit: number;
            /** @description The values of :name. */
            named?: {
                [key: string]: unknown;
            };
            /** @default  */
            q: string;
        };
        /** @description By property; one without a value is not there. */
        EntityValues: {
            [key: string]: unknown;
        };
        Error: {
            afterPosition?: components["schemas"]["Position"];
            conflictingPositions?: components["schemas"]["Position"][];
            details?: components["schemas"]["ErrorDetails"];
            error: components["schemas"]["Code"];
            /** @description For people. */
            message: string;
        };
        ErrorDetails: {
            after?: components["schemas"]["Position"];
            afterPosition?: components["schemas"]["Position"];
            /** @description Of a query, in code points, from 1. */
            column?: number;
            conflictingPositions?: components["schemas"]["Position"][];
            /** Format: int64 */
            currentStreamVersion?: number;
            /** Format: int64 */
            currentVersion?: number;
            /** @description What the aggregate says of it: any JSON. */
            data?: unknown;
            eventId?: string;
            /** @description What should have stood in a query. */
            expected?: string;
            expectedStreamVersion?: components["schemas"]["ExpectedVersion"];
            expectedVersion?: components["schemas"]["ExpectedVersion"];
            /** @description What was wrong in the request, as in `events[3].type`. */
            field?: string;
            /** @description Its name without folders. */
            file?: string;
            /** @description What stands there. */
            found?: string;
            globalPosition?: components["schemas"]["Position"];
            /** @description What to do. */
            hint?: string;
            /**
             * @description What the streams of the category are.
             * @enum {string}
             */
            kind?: "merge" | "ordered";
            /**
             * Format: int64
             * @description Of a query, or of a file, from 1.
             */
            line?: number;
            /** @description The parents that the stream does not hold. */
            missing?: string[];
            module?: string;
            /** Format: int64 */
            offset?: number;
            position?: components["schemas"]["Position"];
            reason?: string;
            reasons?: string[];
            /** @description Seconds. */
            retryAfter?: number;
            streamId?: string;
            /** @description Of a refusal by an aggregate, for programs. */
            type?: string;
        };
        /**
         * @description An event's line, as the log holds it. It has one of `data`, `dataBase64` (a payload that is not JSON) and `dataHash` (one
         *     that has been erased). Stored lines also have `batch`, `synced` and `crc`; see spec/log-format.md.
         */
        Event: {
            batch?: number[];
            crc?: string;
            createdAt: components["schemas"]["Time"];
            /** @description Any JSON value. */
            data?: unknown;
            dataBase64?: string;
            dataHash?: string;
            eventId: string;
            /** Format: int64 */
            globalPosition: number;
            metadata?: Record<string, never>;
            /** @description In merge streams: the events that the author had seen. */
            parents?: components["schemas"]["MergeID"][];
            streamId: components["schemas"]["StreamID"];
            /** Format: int64 */
            streamPosition: number;
            /** Format: int64 */
            synced?: number;
            tags?: string[];
            /** @description Of the events that were committed together. */
            transactionId?: string;
            /** @description In merge streams. */
            transactionSize?: number;
            type: string;
        };
        Events: {
            events: components["schemas"]["Event"][];
            hasMore: boolean;
            /**
             * Format: int64
             * @description Go on with after=lastPosition; backwards, with before.
             */
            lastPosition: number;
            pagination: components["schemas"]["Pagination"];
        };
        /**
         * @description Server-sent events. `id` is a cursor, `data` an `Event`; `event: caught-up` says that everything up to its
         *     `id` has been sent: once when the end of the log is reached for the first time, and again only after the
         *     follower had fallen far behind. `event: error` has an `Error` and ends the stream. A comment comes when
         *     nothing else has for 15 seconds; where events were passed over meanwhile, an `id` without data goes with
         *     it, from which a browser resumes.
         * @example id: 12@01JD3Y8Q0V3M8S2Z6T5N9K4RWE
         *     data: {"streamId":"order-1001","eventId":"01JD3Y8Q0V3M8S2Z6T5N9K4RWF","type":"order.placed","data":{},"globalPosition":12,"streamPosition":0,"createdAt":"2026-11-20T18:55:20.471204Z"}
         *
         *     event: caught-up
         *     id: 12@01JD3Y8Q0V3M8S2Z6T5N9K4RWE
         *     data: {"globalPosition":12}
         */
        EventStream: string;
        /** @description "any", "no_stream", "stream_exists" or the exact version; -1 is no_stream. Not given: any. */
        ExpectedVersion: number | string;
        Failure: {
            at?: components["schemas"]["Time"];
            /** @description Absent for an error of the program's own. */
            code?: string;
            eventId?: string;
            message: string;
            /**
             * Format: int64
             * @description Of the event.
             */
            position?: number;
        };
        /** @description Selects what matches one of the items, everything where there are none. */
        Filter: {
            items: components["schemas"]["FilterItem"][];
        };
        /** @description Matches where each list that is given does: one of the types, streams and categories, every one of the tags. */
        FilterItem: {
            categories?: string[];
            streams?: string[];
            tags?: string[];
            types?: string[];
        };
        FlatFilter: {
            streamId?: components["schemas"]["OneOrMore"];
            type?: components["schemas"]["OneOrMore"];
        };
        GroupMessage: components["schemas"]["Deliveries"] | components["schemas"]["Answered"] | {
            error: components["schemas"]["Error"];
        };
        Head: {
            epoch: string;
            /**
             * Format: int64
             * @description The last durable event.
             */
            globalPosition: number;
            /**
             * Format: int64
             * @description The last acknowledged one, where that may be ahead; or 0.
             */
            lastPosition: number;
        };
        Health: {
            status: string;
        };
        Index: {
            links: {
                [key: string]: string;
            };
            /** @enum {string} */
            name: "nacre";
            version: string;
        };
        Invalid: {
            details: {
                /** @description What was wrong in the request, as in `policy.retry.strategy`. */
                field: string;
            };
            /** @enum {string} */
            error: "INVALID_ARGUMENT";
            /** @description For people. */
            message: string;
        };
        LeaveRequest: {
            consumer: components["schemas"]["ConsumerName"];
        };
        /** @enum {string} */
        LetterKind: "projection" | "process" | "subscription";
        LettersRequest: {
            /** @description Not given: all. */
            ids?: string[];
        };
        /** @description An `Event` a line, each with a line feed. */
        Lines: string;
        /**
         * @description A change of the result, which is a list; made one after the other they turn it into the present one. Of `remove`, `index` is
         *     where the row stands before; of the others where it stands afterwards, and a row that moves is taken out first.
         */
        LiveChange: {
            id: string;
            index: number;
            /** @enum {string} */
            kind: "initial" | "add" | "update" | "move" | "remove";
            row?: components["schemas"]["EntityValues"];
        };
        /** @description One of these. */
        LiveClientMessage: {
            replace?: components["schemas"]["LiveQuery"];
            subscribe?: components["schemas"]["LiveQuery"];
            /** Format: int64 */
            unsubscribe?: number;
        };
        /** @description What became of the result of a live query. `changes` are of rows; `columns` and `rows` the whole result of a query with columns. */
        LiveNotice: {
            changes?: components["schemas"]["LiveChange"][];
            columns?: string[];
            /**
             * Format: int64
             * @description Where in the log the result is the query's.
             */
            position: number;
            /** @description What was told before counts no more: the changes are all rows. */
            reset?: boolean;
            rows?: unknown[][];
        };
        LiveQuery: {
            /** @description A position or cursor up to which the client has had the result: the first notice is a `reset`. */
            after?: unknown;
            args?: unknown[];
            collection: string;
            /**
             * Format: int64
             * @description The client's number for it.
             */
            id: number;
            named?: {
                [key: string]: unknown;
            };
            q?: string;
        };
        /** @description `LiveNotice` with the query's `id`, the end of a query, or without an `id` the error that ends the connection. */
        LiveServerMessage: {
            changes?: components["schemas"]["LiveChange"][];
            columns?: string[];
            error?: components["schemas"]["Error"];
            /** Format: int64 */
            id?: number;
            /** Format: int64 */
            position?: number;
            reset?: boolean;
            rows?: unknown[][];
            /** @description The query has ended as the client wanted. */
            unsubscribed?: boolean;
        };
        /** @description The id of an event of a merge stream. */
        MergeID: string;
        Module: {
            /** @description The version that executes commands, 0 where it is retired. */
            active: number;
            /** @description When another version became active, or it was retired. Absent in a dry run of what was never published. */
            changedAt?: components["schemas"]["Time"];
            current?: components["schemas"]["ModuleVersion"];
            name: components["schemas"]["ModuleName"];
            pinned: boolean;
            retired: boolean;
            /** @description How many there are. */
            versions: number;
        };
        ModuleDiff: {
            changes: {
                /** @description Absent where it was removed. */
                after?: string;
                /** @description Absent where it was added. */
                before?: string;
                name?: string;
                /** @enum {string} */
                what: "schemaVersion" | "command" | "event" | "reads" | "upcasts" | "skip" | "tests" | "size" | "limits" | "sdk";
            }[];
            from: number;
            to: number;
        };
        /** @description Those that were set for a version; what is absent is the server's. */
        ModuleLimits: {
            callMs?: number;
            depth?: number;
            /** Format: int64 */
            memory?: number;
            reply?: number;
            runningMs?: number;
        };
        ModuleName: string;
        ModuleVersion: {
            active: boolean;
            /** @description Who published it. */
            actor?: string;
            /** @description The module's own: its commands and events. */
            description: {
                [key: string]: unknown;
            };
            /** @description SHA-256 of the binary. */
            hash: string;
            limits?: components["schemas"]["ModuleLimits"];
            /** @description Absent in a dry run of what was not published. */
            publishedAt?: components["schemas"]["Time"];
            /** @description Bytes. */
            size: number;
            version: number;
        };
        Nack: {
            /**
             * @description Give it again, put it with the dead letters, or count it as done.
             * @default retry
             * @enum {string}
             */
            action: "retry" | "park" | "skip";
            /** @description How long not to give it again; 0 is as the policy says. */
            afterMs?: number;
            deliveryId: string;
            /** @description For people. */
            reason?: string;
        };
        NewEvent: {
            /**
             * Format: date-time
             * @description With import=true only.
             */
            createdAt?: string;
            /** @description Any JSON value, kept as it is spelled; needed unless dataBase64 is given. */
            data?: unknown;
            /** Format: byte */
            dataBase64?: string;
            /** @description Makes the append idempotent. */
            eventId?: string | null;
            /** @description Reserved names: correlationId, causationId, actor, schemaVersion, occurredAt. */
            metadata?: Record<string, never> | null;
            /**
             * @description Makes the event one of a merge stream, also where it is empty; see spec/merge.md. The event then has an `eventId`, which is a
             *     MergeID greater than these, and `data`. Several such events in a request are a transaction: their ids are consecutive.
             */
            parents?: components["schemas"]["MergeID"][] | null;
            /** @description Goes to metadata.schemaVersion. */
            schemaVersion?: (string | number) | null;
            tags?: string[] | null;
            /** @description With import=true only. */
            transactionId?: string;
            /** @description With import=true only, in merge streams. */
            transactionSize?: number;
            /** @description No "*". */
            type: string;
        };
        NewEvents: components["schemas"]["NewEvent"][];
        OneOrMore: string | string[];
        /**
         * @example {
         *       "order": 17,
         *       "kind": "projection",
         *       "name": "balances",
         *       "do": "pause",
         *       "by": "ann",
         *       "at": "2026-11-20T18:55:20.471204Z"
         *     }
         */
        Order: {
            at: components["schemas"]["Time"];
            by: string;
            /** @enum {string} */
            do: "pause" | "resume" | "reset" | "rebuild" | "retry" | "discard";
            kind: components["schemas"]["RunnerKind"];
            /** @description The dead letter's id; absent where all are meant. */
            letter?: string;
            name: components["schemas"]["RunnerName"];
            /**
             * Format: int64
             * @description Its position in the companion log.
             */
            order: number;
        };
        OrderRequest: {
            /** @description Who orders it, for whoever looks. Not given: who the credential says. */
            by?: string;
        };
        Pagination: {
            hasMore: boolean;
            limit: number;
            offset: number;
            /**
             * Format: int64
             * @description With includeCount only.
             */
            total?: number;
        };
        Policies: {
            /** @description Which entities are there for a caller: a condition, empty for all. Others are not found, and in no result. */
            read: string;
            /** @description Which entities a caller may change, and what he may make of them; empty for all. */
            write: string;
        };
        /** @description A caller, and either an entity that is there or values of one. */
        PolicyTest: {
            /** @description Of the caller. */
            claims?: {
                [key: string]: unknown;
            };
            id?: string;
            values?: {
                [key: string]: unknown;
            };
        };
        PolicyVerdict: {
            allowed: boolean;
            /** @description Why it cannot be evaluated, and so is not true. */
            problem?: string;
            /** @description The condition; absent where there is none. */
            rule?: string;
            /** @description The parts of the rule, of which one that is true is enough. */
            terms?: {
                /** @enum {string} */
                is: "true" | "false" | "unknown";
                term: string;
            }[];
        };
        PolicyVerdicts: {
            read: components["schemas"]["PolicyVerdict"];
            write: components["schemas"]["PolicyVerdict"];
        };
        PollRequest: {
            consumer: components["schemas"]["ConsumerName"];
            /**
             * @description The most events to give.
             * @default 1
             */
            max: number;
            /**
             * @description How long to wait where there are none.
             * @default 0
             */
            waitMs: number;
        };
        /** Format: int64 */
        Position: number;
        PositionOrCursor: (number | components["schemas"]["Cursor"]) | null;
        ProcessManagers: {
            processManagers: components["schemas"]["Runner"][];
        };
        Projections: {
            projections: components["schemas"]["Runner"][];
        };
        PublishedModule: {
            dryRun: boolean;
            module: components["schemas"]["Module"];
            /** @description False where the binary was there already. */
            new: boolean;
            version: components["schemas"]["ModuleVersion"];
        };
        QueryRequest: {
            after?: components["schemas"]["PositionOrCursor"];
            before?: components["schemas"]["Position"];
            direction?: components["schemas"]["Direction"];
            /** @default 1000 */
            limit: number;
            query?: components["schemas"]["Filter"];
            where?: components["schemas"]["Where"];
        };
        ReadRequest: {
            after?: components["schemas"]["PositionOrCursor"];
            backwards?: boolean;
            /**
             * Format: int64
             * @description Exclusive; 0 is no bound.
             */
            before?: number;
            filter?: components["schemas"]["Filter"];
            /**
             * Format: int64
             * @description Stream position, inclusive, where the filter is one stream.
             */
            from?: number;
            /** @description 0 is no limit. */
            limit?: number;
            /**
             * Format: int64
             * @description Stream position, exclusive; 0 is no bound.
             */
            until?: number;
            where?: components["schemas"]["Where"];
        };
        ReplayRequest: {
            from?: components["schemas"]["Position"];
        };
        Retried: {
            retried: number;
        };
        /** @description A projection or a process manager, as its program told it last. */
        Runner: {
            /** @description Those that are open. */
            deadLetters: number;
            failure?: components["schemas"]["Failure"];
            /**
             * Format: int64
             * @description The log's end, now.
             */
            head: number;
            /** @description A program runs it. Where none does, the state is what the last one left. */
            held: boolean;
            /** @description Where it runs, or ran last. */
            host?: string;
            kind: components["schemas"]["RunnerKind"];
            /**
             * Format: int64
             * @description How many positions it is behind.
             */
            lag: number;
            /** @description The order that was obeyed last. */
            lastOrder?: {
                at?: components["schemas"]["Time"];
                do: string;
                failure?: components["schemas"]["Failure"];
                /**
                 * Format: int64
                 * @description Its position in the companion log.
                 */
                order: number;
            };
            name: components["schemas"]["RunnerName"];
            pid?: number;
            /**
             * Format: int64
             * @description The last position that it is done with.
             */
            position: number;
            /** @description Events a second. */
            rate: number;
            rebuild?: {
                /** Format: int64 */
                position: number;
                /** @description Absent where it is not known. */
                secondsLeft?: number;
                startedAt: components["schemas"]["Time"];
                /** Format: int64 */
                target: number;
            };
            /** @description Until it has caught up, at this rate; absent where that is not known. */
            secondsLeft?: number;
            /** @description A program should be running it, and has given no sign of life for three times as long as it may. */
            stale: boolean;
            startedAt?: components["schemas"]["Time"];
            /** @enum {string} */
            state: "CATCHING_UP" | "RUNNING" | "PAUSED" | "REBUILDING" | "FAILED" | "STOPPED";
            /**
             * Format: int64
             * @description How often it has been started.
             */
            term: number;
            updatedAt?: components["schemas"]["Time"];
        };
        /** @enum {string} */
        RunnerKind: "projection" | "process";
        RunnerName: string;
        ServerMessage: {
            event: components["schemas"]["Event"];
        } | {
            caughtUp: {
                cursor: components["schemas"]["Cursor"];
                globalPosition: components["schemas"]["Position"];
            };
        } | {
            error: components["schemas"]["Error"];
        };
        SetPolicies: {
            /** @description Default: everybody may read everything. */
            read?: string;
            /** @description Default: everybody may write everything. */
            write?: string;
        };
        /** @description A time, RFC 3339. */
        StartTime: string;
        Statistics: {
            /** Format: int64 */
            databaseSizeBytes: number;
            epoch: string;
            /** Format: int64 */
            indexBytes: number;
            /** Format: int64 */
            logBytes: number;
            newest?: components["schemas"]["Time"];
            newestEventTimestamp?: components["schemas"]["Time"];
            oldest?: components["schemas"]["Time"];
            oldestEventTimestamp?: components["schemas"]["Time"];
            segments: number;
            /**
             * Format: int64
             * @description Since the store was opened.
             */
            syncs: number;
            /** Format: int64 */
            totalEvents: number;
            /** Format: int64 */
            totalStreams: number;
        };
        Store: {
            created: components["schemas"]["Time"];
            createdAt: components["schemas"]["Time"];
            description?: string;
            eventBusDurableObjectId: string;
            eventBusDurableObjectID: string;
            eventStoreDurableObjectId: string;
            eventStoreDurableObjectID: string;
            eventStoreId: string;
            eventStoreID: string;
            eventStoreName: components["schemas"]["StoreName"];
            id: string;
            name: components["schemas"]["StoreName"];
            region?: string;
            settings?: components["schemas"]["StoreSettings"];
            statistics?: components["schemas"]["Statistics"];
            status: string;
            updatedAt: components["schemas"]["Time"];
        };
        StoreChange: {
            description?: string;
            settings?: components["schemas"]["StoreSettings"];
        };
        StoreName: string;
        StoreRequest: {
            description?: string;
            name: components["schemas"]["StoreName"];
            region?: string;
            settings?: components["schemas"]["StoreSettings"];
        };
        Stores: {
            eventStores: components["schemas"]["Store"][];
            pagination: components["schemas"]["Pagination"];
            totalCount: number;
        };
        /** @description Kept and told; nothing acts on them. */
        StoreSettings: {
            /** Format: int64 */
            maxStreamSizeBytes?: number;
            /** Format: int64 */
            retentionPeriodDays?: number;
        };
        StreamAppend: {
            events: components["schemas"]["NewEvents"];
            expectedStreamVersion?: components["schemas"]["ExpectedVersion"];
            options?: components["schemas"]["AppendOptions"];
            streamId: components["schemas"]["StreamID"];
        };
        StreamEvents: {
            /** Format: int64 */
            currentStreamVersion: number;
            events: components["schemas"]["Event"][];
            hasMore: boolean;
            pagination: components["schemas"]["Pagination"];
            streamId: string;
        };
        /**
         * @description `category-rest`: 1 to 256 bytes of UTF-8 without quotes, backslashes and control characters, not beginning with
         *     `$` or `-`.
         */
        StreamID: string;
        StreamInfo: {
            createdAt: components["schemas"]["Time"];
            /** Format: int64 */
            eventCount: number;
            firstPosition: components["schemas"]["Position"];
            /** @enum {boolean} */
            isArchived: false;
            lastPosition: components["schemas"]["Position"];
            streamId: components["schemas"]["StreamID"];
            /** Format: int64 */
            streamPosition: number;
            /** @description The category. */
            streamType: string;
            updatedAt: components["schemas"]["Time"];
            /** Format: int64 */
            version: number;
        };
        Streams: {
            hasMore: boolean;
            /** @description What to give as `after`. */
            nextCursor?: string;
            pagination: components["schemas"]["Pagination"];
            streams: components["schemas"]["StreamInfo"][];
        };
        /**
         * @example {
         *       "action": "subscribe",
         *       "eventFilter": "todo.*"
         *     }
         */
        SubscribeMessage: {
            /** @enum {string} */
            action: "subscribe";
            after?: components["schemas"]["PositionOrCursor"];
            eventFilter?: components["schemas"]["OneOrMore"];
            filter?: components["schemas"]["Filter"] | components["schemas"]["FlatFilter"];
            fromDate?: components["schemas"]["Time"];
            toDate?: components["schemas"]["Time"];
            where?: components["schemas"]["Where"];
        };
        Subscription: {
            /**
             * Format: int64
             * @description Behind which position it began, or was sent back to.
             */
            after: number;
            /** @description Without its secrets. */
            config?: Record<string, never>;
            /** @description Of a group, those that were heard of lately. */
            consumers?: string[];
            createdAt: components["schemas"]["Time"];
            /**
             * Format: int64
             * @description Events, since the server looks after it.
             */
            delivered: number;
            /** @description The types of the filter; absent where they do not say it all, as beside a `where`. */
            eventFilter?: string | string[];
            eventStoreId: string;
            eventStoreName: string;
            /**
             * Format: int64
             * @description Attempts that failed, since the server looks after it.
             */
            failed: number;
            filter: components["schemas"]["Filter"];
            /**
             * Format: int64
             * @description The log's end, now.
             */
            head: number;
            /** @description DeltaBase's; so are all that follow. */
            id: string;
            isExistingSubscription?: boolean;
            kind: string;
            /**
             * Format: int64
             * @description How many positions lie between, of events of whatever kind.
             */
            lag: number;
            lastError?: components["schemas"]["Failure"];
            /** Format: int64 */
            lastProcessedEventGlobalPosition: number;
            message?: string;
            name: string;
            nextAttempt?: components["schemas"]["Time"];
            /** @description Events that were read and are not done. */
            open: number;
            policy: components["schemas"]["SubscriptionPolicy"];
            /**
             * Format: int64
             * @description Everything up to it is done: delivered, skipped, or with the dead letters.
             */
            position: number;
            /** @description Why it is suspended. */
            reason?: string;
            /** @description What a webhook is signed with: in the reply that made it, and where a change has another one first; not again. */
            secret?: string;
            /**
             * @description RETRYING: something failed and is waited with. SUSPENDED: failures stopped it, until it is resumed. ERROR only in the answer of `…/subscribe`.
             * @enum {string}
             */
            status: "ACTIVE" | "PAUSED" | "RETRYING" | "SUSPENDED" | "ERROR";
            /** @description What failed last since the server looks after it; absent where nothing has. */
            statusDetails?: {
                lastError: string;
                lastErrorAt: components["schemas"]["Time"];
                nextRetryAt?: components["schemas"]["Time"];
                /**
                 * Format: int64
                 * @description `tried`: how often the event that is tried at `nextRetryAt` has failed so far; 0 where none waits.
                 */
                retryCount: number;
            };
            subscriberId: string;
            subscriberType: string;
            /** @description The name. */
            subscriptionId: string;
            /** @description How often the event that is tried at `nextAttempt` has failed so far; absent where none waits. */
            tried?: number;
            updatedAt: components["schemas"]["Time"];
            /** @description Streams that wait after a failure. */
            waiting: number;
            /** @description The condition, as it was given; absent where there is none. */
            where?: string;
        };
        SubscriptionChange: {
            config?: Record<string, never>;
            eventFilter?: components["schemas"]["OneOrMore"];
            /** @description Which events; not given, all. Give one of `filter` and `eventFilter`. */
            filter?: components["schemas"]["Filter"] | components["schemas"]["FlatFilter"];
            policy?: components["schemas"]["SubscriptionPolicy"];
            /** @description A condition over events, as in the request; an empty text removes it. */
            where?: string;
        };
        SubscriptionDeadLetter: {
            at: components["schemas"]["Time"];
            attempts: number;
            eventId: string;
            id: string;
            /** @description Why it could not be delivered. */
            message: string;
            /** Format: int64 */
            position: number;
            streamId: string;
            type: string;
        };
        SubscriptionDeadLetters: {
            deadLetters: components["schemas"]["SubscriptionDeadLetter"][];
            pagination: components["schemas"]["Pagination"];
            /** @description Without limit and offset. */
            totalCount: number;
        };
        /** @description How events are delivered. What is left out has its default. */
        SubscriptionPolicy: {
            /**
             * Format: int64
             * @description How long a consumer of a group has an event before another one gets it. Default 30,000.
             */
            ackDeadlineMs?: number;
            /** @description How many events of a stream are sent, or given to a consumer, at once. Default 1. */
            batch?: number;
            /**
             * @description What becomes of an event that was tried often enough: it goes to the dead letters (the default), or the subscription stops.
             * @enum {string}
             */
            onExhausted?: "park" | "suspend";
            /**
             * @description Which events wait for which: those of a stream (the default), or each for the one before it.
             * @enum {string}
             */
            order?: "stream" | "global";
            /** @description How many batches are sent at once, each of another stream. Default 16. Not of groups. */
            parallel?: number;
            /** @description A group's stream goes to the same consumer as long as it lives. */
            pinned?: boolean;
            retry?: components["schemas"]["SubscriptionRetry"];
            /** @description How many events may be read and not done: how far one that fails lets the others go ahead. Default 1,000. */
            window?: number;
        };
        SubscriptionRequest: {
            /** @description What belongs to the kind. A webhook has a `url`; a group has none. */
            config?: Record<string, never>;
            eventFilter?: components["schemas"]["OneOrMore"];
            /** @description Which events; not given, all. Give one of `filter` and `eventFilter`. */
            filter?: components["schemas"]["Filter"] | components["schemas"]["FlatFilter"];
            /** @description `group`, or a way of sending that the server has, such as `webhook`. */
            kind: string;
            /** @description Not given: made of what the subscription is, so that the same one is found again. A group needs one. */
            name?: string;
            policy?: components["schemas"]["SubscriptionPolicy"];
            /** @description `latest` (the default) is the log's end, `earliest` the first event; or a position behind which to begin, or a time. */
            start?: ("earliest" | "latest") | components["schemas"]["Position"] | components["schemas"]["StartTime"];
            where?: components["schemas"]["Where"];
        };
        SubscriptionRetry: {
            /**
             * Format: int64
             * @description The first pause; 0 is the default: 1,000, of a group none.
             */
            initialDelayMs?: number;
            /** @description By how much a pause is changed at random, up or down. Default 20. */
            jitterPercent?: number;
            /** @description The first one included. Default 20, of a group 5. */
            maxAttempts?: number;
            /**
             * Format: int64
             * @description The longest pause. Default an hour.
             */
            maxDelayMs?: number;
            /** @description What an exponential pause grows by. Default 2.5. */
            multiplier?: number;
            /**
             * @description How the pause grows. Default exponential.
             * @enum {string}
             */
            strategy?: "exponential" | "linear" | "fixed";
        };
        Subscriptions: {
            pagination: components["schemas"]["Pagination"];
            subscriptions: components["schemas"]["Subscription"][];
            /** @description Without limit and offset. */
            totalCount: number;
        };
        /** @enum {string} */
        SubscriptionStatus: "ACTIVE" | "PAUSED" | "RETRYING" | "SUSPENDED";
        /**
         * Format: date-time
         * @description UTC, to the microsecond.
         * @example 2026-11-20T18:55:20.471204Z
         */
        Time: string;
        /** @example 2026-11-20 */
        TimeOrDay: string;
        Transaction: {
            /** @description The Idempotency-Key was known: it took place before. */
            duplicate?: boolean;
            /**
             * Format: int64
             * @description 0 where there was nothing to write.
             */
            firstPosition: number;
            /** @description The entities', in the order of the edits. */
            ids: string[];
            /** Format: int64 */
            lastPosition: number;
            /** @description The id of its first event. Absent where there was nothing to write. */
            transactionId?: string;
        };
        TransactionRequest: {
            /** @description What else is to be known. The events' metadata keep it. */
            context?: {
                actor?: string;
                causationId?: string;
                correlationId?: string;
                metadata?: {
                    [key: string]: unknown;
                };
                sourceDevice?: string;
            };
            edits: components["schemas"]["Edit"][];
            /** @default false */
            strict: boolean;
        };
        UndoRequest: {
            /** @description What else is to be known. The events' metadata keep it. */
            context?: {
                actor?: string;
                causationId?: string;
                correlationId?: string;
                metadata?: {
                    [key: string]: unknown;
                };
                sourceDevice?: string;
            };
            /** @description Of any event of each transaction. */
            positions: number[];
        };
        VersionRequest: {
            version?: number;
        };
        /**
         * @description A condition over events that has to be true beside the filter, in the query language.
         * @example type LIKE 'order.%' AND data.total > 100
         */
        Where: string;
    };
    responses: {
        /** @description Appended and durable; with 200, these ids were there already. */
        Appended: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "success": true,
                 *       "streamId": "order-1001",
                 *       "eventsAppended": 1,
                 *       "eventsWritten": 1,
                 *       "createdNewStream": true,
                 *       "currentStreamVersion": 0,
                 *       "nextExpectedStreamVersion": 0,
                 *       "globalPosition": 1,
                 *       "lastPosition": 1,
                 *       "events": [
                 *         {
                 *           "streamId": "order-1001",
                 *           "eventId": "01JD3Y8Q0V3M8S2Z6T5N9K4RWE",
                 *           "type": "order.placed",
                 *           "data": {
                 *             "customer": "ann"
                 *           },
                 *           "globalPosition": 1,
                 *           "streamPosition": 0,
                 *           "createdAt": "2026-11-20T18:55:20.471204Z"
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["Appended"];
            };
        };
        /** @description Appended and durable; with 200, these ids were there already. */
        Committed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Committed"] | components["schemas"]["Appended"];
            };
        };
        /** @description The events are not appended. */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The dead letter. */
        DeadLetter: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["DeadLetter"];
            };
        };
        /** @description A page of dead letters, of 16 MiB at most. */
        DeadLetters: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["DeadLetters"];
            };
        };
        /** @description What the edit came to, and the entity as it is now. */
        EditedEntity: {
            headers: {
                ETag: components["headers"]["ETag"];
                /** @description The address of what was created. */
                Location?: string;
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "collection": "albums",
                 *       "id": "a-1",
                 *       "values": {
                 *         "name": "Origin",
                 *         "year": 2001
                 *       },
                 *       "heads": [
                 *         "01JD3Y8Q0V3M8S2Z6T5N9K4RWE"
                 *       ],
                 *       "transactionId": "01JD3Y8Q0V3M8S2Z6T5N9K4RWE",
                 *       "firstPosition": 17,
                 *       "lastPosition": 17
                 *     }
                 */
                "application/json": components["schemas"]["EditedEntity"];
            };
        };
        /** @description ENTITY_EXISTS, IDEMPOTENCY_CONFLICT, or, where it must not merge, APPEND_CONDITION_FAILED. */
        EntityConflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The request was refused, or failed; see the table of codes. */
        Error: {
            headers: {
                /** @description Seconds to wait, with RATE_LIMITED. */
                "Retry-After"?: number;
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": "INVALID_ARGUMENT",
                 *       "message": "is a number, and must be text",
                 *       "details": {
                 *         "field": "events[3].type"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The event's line, as the log holds it. */
        Event: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "streamId": "order-1001",
                 *       "eventId": "01JD3Y8Q0V3M8S2Z6T5N9K4RWE",
                 *       "type": "order.placed",
                 *       "data": {
                 *         "customer": "ann"
                 *       },
                 *       "globalPosition": 1,
                 *       "streamPosition": 0,
                 *       "createdAt": "2026-11-20T18:55:20.471204Z",
                 *       "synced": 0,
                 *       "crc": "821f3e02"
                 *     }
                 */
                "application/json": components["schemas"]["Event"];
            };
        };
        /** @description The stream holds no event with the id, or there is no such store. */
        EventNotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": "NOT_FOUND",
                 *       "message": "stream \"order-1001\" holds no event with the id \"payment-77\"",
                 *       "details": {
                 *         "streamId": "order-1001",
                 *         "eventId": "payment-77"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The events. */
        Events: {
            headers: {
                "Nacre-As-Of": components["headers"]["AsOf"];
                "Nacre-End": components["headers"]["End"];
                "Nacre-Error": components["headers"]["Error"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Events"];
                "application/x-ndjson": components["schemas"]["Lines"];
                "text/event-stream": components["schemas"]["EventStream"];
            };
        };
        /** @description ENTITY_DELETED: the entity is deleted. */
        Gone: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "error": "ENTITY_DELETED",
                 *       "message": "\"a-1\" in albums is deleted: POST …/restore brings it back"
                 *     }
                 */
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The log's end. */
        Head: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "globalPosition": 1042,
                 *       "lastPosition": 1042,
                 *       "epoch": "01JD3Y8Q0V3M8S2Z6T5N9K4RWE"
                 *     }
                 */
                "application/json": components["schemas"]["Head"];
            };
        };
        /** @description INVALID_ARGUMENT: the request is wrong in itself, and `details.field` says where. */
        Invalid: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Invalid"];
            };
        };
        /** @description The stored lines. */
        Lines: {
            headers: {
                "Nacre-As-Of": components["headers"]["AsOf"];
                "Nacre-End": components["headers"]["End"];
                "Nacre-Error": components["headers"]["Error"];
                [name: string]: unknown;
            };
            content: {
                "application/x-ndjson": components["schemas"]["Lines"];
            };
        };
        /** @description The cursor is of another epoch, or ahead of the log: what was derived must be made again from the start. */
        LogRewound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description What was named does not exist. */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /**
         * @description The order is written, durably. It is carried out by the program that runs the projection or process manager, at once
         *     or when it starts. That has been done when `lastOrder.order` of its status is not below `order`.
         */
        Ordered: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Order"];
            };
        };
        /** @description PRECONDITION_FAILED: the entity has changed since it was read. */
        PreconditionFailed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The process managers. */
        ProcessManagers: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ProcessManagers"];
            };
        };
        /** @description The projections. */
        Projections: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Projections"];
            };
        };
        /** @description How it is. */
        Runner: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Runner"];
            };
        };
        /** @description There is a store of this name. */
        StoreExists: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The stream's events. */
        StreamEvents: {
            headers: {
                "Nacre-As-Of": components["headers"]["AsOf"];
                "Nacre-End": components["headers"]["End"];
                "Nacre-Error": components["headers"]["Error"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["StreamEvents"];
                "application/x-ndjson": components["schemas"]["Lines"];
            };
        };
        /** @description A page of streams. */
        Streams: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Streams"];
            };
        };
        /** @description How it is. */
        Subscription: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Subscription"];
            };
        };
        /** @description SUBSCRIPTION_EXISTS, SUBSCRIPTION_HALTED or SUBSCRIPTION_WRONG_KIND. */
        SubscriptionConflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description The subscription, which was made (201) or there already (200). */
        SubscriptionMade: {
            headers: {
                /** @description Its address. */
                Location?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Subscription"];
            };
        };
    };
    parameters: {
        /**
         * @description Who does it. Default: whom the credential names.
         * @example ann
         */
        actor: string;
        /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
        after: components["schemas"]["Cursor"];
        /** @description The `nextCursor` of the page before. */
        afterStream: string;
        /**
         * @description The instance: what stands behind the category and `-` in the stream's id.
         * @example ann
         */
        aggregateId: string;
        /**
         * @description The aggregate, which is the category of its streams.
         * @example account
         */
        aggregateType: string;
        /** @description Before this position, exclusive. */
        before: number;
        /** @description In streams of one of these categories, the text before the first "-". */
        category: string[];
        causationId: string;
        /** @description What a follower calls itself in the list of connections. Only where the log is followed. */
        clientId: string;
        /** @example albums */
        collection: components["schemas"]["CollectionName"];
        /** @example deposit */
        command: string;
        /** @description The command's id, where the body has none. */
        commandKey: string;
        correlationId: string;
        direction: components["schemas"]["Direction"];
        /**
         * @description A text that is new for each request: the same request again is answered with what the first one came to, and
         *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
         *     under it is `IDEMPOTENCY_CONFLICT`.
         */
        editKey: string;
        /**
         * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
         * @example a-1
         */
        entity: string;
        /**
         * @description With what is not allowed in a path escaped: `a/b` is `a%2Fb`. What resolves dots in paths on the way cannot
         *     ask for the ids `.` and `..`; the parameter `eventId` of a read can.
         * @example 01JD3Y8Q0V3M8S2Z6T5N9K4RWE
         */
        event: string;
        /** @description Another name for `type`. */
        eventFilter: string[];
        /** @description The event with this id. */
        eventId: string;
        /** @description The read is refused with VERSION_CONFLICT where the stream is elsewhere. */
        expectedStreamVersion: components["schemas"]["ExpectedVersion"];
        /**
         * @description A `Filter` as JSON, in place of type, category, streamId and tag; or DeltaBase's flat one,
         *     `{"type": …, "streamId": …}`.
         * @example {"items":[{"types":["order.*"]},{"tags":["customer:7"]}]}
         */
        filter: string;
        /** @description From this stream position on, inclusive. */
        from: number;
        /** @description Created then or later: a time, or a day, which stands for its beginning. */
        fromDate: components["schemas"]["TimeOrDay"];
        /** @description From this global position on, inclusive. */
        fromPosition: number;
        /** @description Another name for `from`. */
        fromStreamPosition: number;
        /**
         * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
         *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
         */
        idempotencyKey: string;
        /** @description The `ETag` of what was read: only where the entity is at these heads still. `*` is any. */
        ifMatch: string;
        /** @description Events may bring `createdAt`, `transactionId` and `transactionSize`; without a condition. */
        import: boolean;
        /** @description Taken; nothing is ever archived. */
        includeArchived: boolean;
        /** @description Tell `pagination.total`, which reads everything that matches. */
        includeCount: boolean;
        /** @description Taken; streams have no metadata. */
        includeMetadata: boolean;
        /**
         * @description May have slashes, which stand in the path as they are: `/blobs/snapshots/order-1001`.
         * @example snapshots/order-1001
         */
        key: string;
        /** @description A cursor to go on behind, before `after`; browsers send it. */
        lastEventId: components["schemas"]["Cursor"];
        /**
         * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
         *     `%64iscard`.
         */
        letter: string;
        /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
        limit: number;
        /** @description Another name for `limit`. */
        maxCount: number;
        module: components["schemas"]["ModuleName"];
        /** @description Pass over this many. `after` goes on faster. */
        offset: number;
        oneCategory: string;
        oneStream: string;
        pageLimit: number;
        /**
         * @description `return=minimal` leaves the events out of the reply.
         * @example return=minimal
         */
        prefer: string;
        /** @description Streams whose ids begin so. */
        prefix: string;
        /** @example balances */
        runner: components["schemas"]["RunnerName"];
        /** @description The one order that there is; in one stream, both are the same. */
        sortBy: "globalPosition" | "streamPosition";
        /** @description Another name for `direction`. */
        sortDirection: components["schemas"]["Direction"];
        /** @example default */
        store: components["schemas"]["StoreName"];
        /** @example order-1001 */
        stream: components["schemas"]["StreamID"];
        /** @description In one of these streams. */
        streamId: string[];
        /**
         * @description A prefix and `*`, or an id.
         * @example order-*
         */
        streamIdPattern: string;
        /** @description Another name for `category`. */
        streamType: string;
        /** @example mailers */
        subscription: components["schemas"]["RunnerName"];
        /** @description With every one of these tags. */
        tag: string[];
        /** @description Seconds. */
        timeout: number;
        /** @description Up to this stream position, inclusive. */
        to: number;
        /** @description Created then or earlier: a time, or a day, which stands for its end. */
        toDate: components["schemas"]["TimeOrDay"];
        /** @description Up to this global position, inclusive. */
        toPosition: number;
        /** @description Another name for `to`. */
        toStreamPosition: number;
        /** @description Events that were committed together. */
        transactionId: string;
        /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
        type: string[];
        /** @description Answer when the log's end is behind this position, its epoch is another one, or the timeout is over. */
        wait: components["schemas"]["Cursor"];
        /**
         * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
         *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
         *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
         * @example type LIKE 'order.%' AND data.total > 100
         */
        where: string;
    };
    requestBodies: {
        Append: {
            content: {
                "application/json": components["schemas"]["AppendRequest"];
            };
        };
        Commit: {
            content: {
                "application/json": components["schemas"]["CommitRequest"];
            };
        };
        Letters: {
            content: {
                /**
                 * @example {
                 *       "ids": [
                 *         "event-1042"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["LettersRequest"];
            };
        };
        Nothing: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        Order: {
            content: {
                /**
                 * @example {
                 *       "by": "ann"
                 *     }
                 */
                "application/json": components["schemas"]["OrderRequest"];
            };
        };
    };
    headers: {
        /**
         * @description With ndjson: the log's end that the read is as of, as a cursor. Nothing behind it is given, so that a client
         *     that was cut off can go on to the same end.
         */
        AsOf: components["schemas"]["Cursor"];
        /** @description A trailer, with ndjson: the position up to which the log was read. A stream without it was cut off. */
        End: string;
        /** @description A trailer, with ndjson: an `Error` in one line, where one came behind the first byte. */
        Error: string;
        /** @description The entity's heads, with dots between, and what the schema makes of them. */
        ETag: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    index: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The server. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Index"];
                };
            };
        };
    };
    listStores: {
        parameters: {
            query?: {
                /** @description A part of the name. */
                filter?: string;
                limit?: number;
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of stores. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stores"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    createStore: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "orders",
                 *       "description": "What the shop did"
                 *     }
                 */
                "application/json": components["schemas"]["StoreRequest"];
            };
        };
        responses: {
            /** @description Made. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Store"];
                };
            };
            409: components["responses"]["StoreExists"];
            default: components["responses"]["Error"];
        };
    };
    getStore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The store. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Store"];
                };
            };
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    deleteStore: {
        parameters: {
            query?: {
                /** @description Must be true. */
                confirm?: boolean;
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    viewAggregate: {
        parameters: {
            query?: {
                /** @description The last global position that counts. */
                position?: number;
                /** @description What was created later does not count; a day stands for its end. */
                time?: components["schemas"]["TimeOrDay"];
                /** @description The stream position of the last event that counts. */
                version?: number;
            };
            header?: never;
            path: {
                /**
                 * @description The instance: what stands behind the category and `-` in the stream's id.
                 * @example ann
                 */
                id: components["parameters"]["aggregateId"];
                /** @example default */
                store: components["parameters"]["store"];
                /**
                 * @description The aggregate, which is the category of its streams.
                 * @example account
                 */
                type: components["parameters"]["aggregateType"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AggregateState"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    executeCommand: {
        parameters: {
            query?: never;
            header?: {
                /** @description The command's id, where the body has none. */
                "Idempotency-Key"?: components["parameters"]["commandKey"];
            };
            path: {
                /** @example deposit */
                command: components["parameters"]["command"];
                /**
                 * @description The instance: what stands behind the category and `-` in the stream's id.
                 * @example ann
                 */
                id: components["parameters"]["aggregateId"];
                /** @example default */
                store: components["parameters"]["store"];
                /**
                 * @description The aggregate, which is the category of its streams.
                 * @example account
                 */
                type: components["parameters"]["aggregateType"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "payload": {
                 *         "cents": 500
                 *       },
                 *       "commandId": "deposit-17",
                 *       "context": {
                 *         "actor": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CommandRequest"];
            };
        };
        responses: {
            /** @description There was nothing to do, or it was executed before (`duplicate`). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandResult"];
                };
            };
            /** @description Its events are durable. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CommandResult"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    backup: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The copy. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-tar": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    listBlobs: {
        parameters: {
            query?: {
                prefix?: string;
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The keys. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Blobs"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getBlob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description May have slashes, which stand in the path as they are: `/blobs/snapshots/order-1001`.
                 * @example snapshots/order-1001
                 */
                key: components["parameters"]["key"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The blob. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    putBlob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description May have slashes, which stand in the path as they are: `/blobs/snapshots/order-1001`.
                 * @example snapshots/order-1001
                 */
                key: components["parameters"]["key"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/octet-stream": string;
            };
        };
        responses: {
            /** @description Kept. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    deleteBlob: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description May have slashes, which stand in the path as they are: `/blobs/snapshots/order-1001`.
                 * @example snapshots/order-1001
                 */
                key: components["parameters"]["key"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Gone. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            default: components["responses"]["Error"];
        };
    };
    listCollections: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The collections, by name. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        collections: components["schemas"]["Collection"][];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getCollection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The collection. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Collection"];
                };
            };
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    declareCollection: {
        parameters: {
            query?: {
                /**
                 * @description Who does it. Default: whom the credential names.
                 * @example ann
                 */
                actor?: components["parameters"]["actor"];
                causationId?: components["parameters"]["causationId"];
                correlationId?: components["parameters"]["correlationId"];
            };
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "properties": {
                 *         "name": {
                 *           "kind": "register",
                 *           "type": "text"
                 *         },
                 *         "year": {
                 *           "kind": "register",
                 *           "type": "int64"
                 *         },
                 *         "plays": {
                 *           "kind": "counter",
                 *           "type": "int64"
                 *         },
                 *         "tags": {
                 *           "kind": "set",
                 *           "type": "text"
                 *         }
                 *       },
                 *       "indexes": [
                 *         [
                 *           "year"
                 *         ]
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["CollectionSchema"];
            };
        };
        responses: {
            /** @description The schema as it counts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Collection"];
                };
            };
            /** @description The collection is there. */
            201: {
                headers: {
                    /** @description Its address. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Collection"];
                };
            };
            400: components["responses"]["Invalid"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    listEntities: {
        parameters: {
            query?: {
                /** @description The `next` of the page before, of the same query. */
                after?: string;
                /** @description Entities a page. */
                limit?: number;
                /**
                 * @description The query; none is every entity.
                 * @example year > :since ORDER BY year
                 */
                q?: string;
            };
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The result, or a page of it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "entities": [
                     *         {
                     *           "id": "a-1",
                     *           "values": {
                     *             "name": "Origin",
                     *             "year": 2001
                     *           }
                     *         }
                     *       ],
                     *       "next": "1.gAAAAAAAB9E",
                     *       "position": 17
                     *     }
                     */
                    "application/json": components["schemas"]["EntityPage"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    createEntity: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
            };
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "id": "a-1",
                 *       "values": {
                 *         "name": "Origin",
                 *         "year": 2001
                 *       },
                 *       "context": {
                 *         "actor": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["CreateEntity"];
            };
        };
        responses: {
            200: components["responses"]["EditedEntity"];
            201: components["responses"]["EditedEntity"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            default: components["responses"]["Error"];
        };
    };
    getEntity: {
        parameters: {
            query?: {
                /**
                 * @description Ids of events of its history, with commas between. Default: now.
                 * @example 01JD3Y8Q0V3M8S2Z6T5N9K4RWE
                 */
                at?: string;
            };
            header?: {
                /** @description An `ETag`: answered with 304 where it is still that. */
                "If-None-Match"?: string;
            };
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The entity. */
            200: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "collection": "albums",
                     *       "id": "a-1",
                     *       "values": {
                     *         "name": "Origin",
                     *         "year": 2001
                     *       },
                     *       "heads": [
                     *         "01JD3Y8Q0V3M8S2Z6T5N9K4RWE"
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["Entity"];
                };
            };
            /** @description It is still what the client has. */
            304: {
                headers: {
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            default: components["responses"]["Error"];
        };
    };
    deleteEntity: {
        parameters: {
            query?: {
                /**
                 * @description Who does it. Default: whom the credential names.
                 * @example ann
                 */
                actor?: components["parameters"]["actor"];
                causationId?: components["parameters"]["causationId"];
                correlationId?: components["parameters"]["correlationId"];
            };
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
                /** @description The `ETag` of what was read: only where the entity is at these heads still. `*` is any. */
                "If-Match"?: components["parameters"]["ifMatch"];
            };
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["EditedEntity"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            410: components["responses"]["Gone"];
            412: components["responses"]["PreconditionFailed"];
            default: components["responses"]["Error"];
        };
    };
    changeEntity: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
                /** @description The `ETag` of what was read: only where the entity is at these heads still. `*` is any. */
                "If-Match"?: components["parameters"]["ifMatch"];
            };
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "set": {
                 *         "year": 2002
                 *       },
                 *       "add": {
                 *         "plays": 1,
                 *         "tags": [
                 *           "rock"
                 *         ]
                 *       },
                 *       "remove": {
                 *         "tags": [
                 *           "pop"
                 *         ]
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["ChangeEntity"];
            };
        };
        responses: {
            200: components["responses"]["EditedEntity"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            410: components["responses"]["Gone"];
            412: components["responses"]["PreconditionFailed"];
            default: components["responses"]["Error"];
        };
    };
    getEntityConflicts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The conflicts, none where all agree. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        conflicts: components["schemas"]["EntityConflict"][];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    diffEntity: {
        parameters: {
            query?: {
                /** @description Ids of events, with commas between. Default: before there was anything. */
                from?: string;
                /** @description Ids of events. Default: now. */
                to?: string;
            };
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The differences, by property. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        differences: components["schemas"]["EntityDifference"][];
                    };
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    getEntityHistory: {
        parameters: {
            query?: {
                /** @description The position of an entry, behind which the page begins. */
                after?: number;
                /** @description As `direction=backwards`. */
                backwards?: boolean;
                direction?: "forwards" | "forward" | "backwards" | "backward" | "asc" | "desc";
                limit?: number;
            };
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The history. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntityHistory"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    inspectEntity: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All that there is to know. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntityInspection"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    restoreEntity: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
            };
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /**
                 * @description The entity's id, with what is not allowed in a path escaped: `a/b` is `a%2Fb`.
                 * @example a-1
                 */
                entity: components["parameters"]["entity"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "context": {
                 *         "actor": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["EditContextRequest"];
            };
        };
        responses: {
            200: components["responses"]["EditedEntity"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            410: components["responses"]["Gone"];
            412: components["responses"]["PreconditionFailed"];
            default: components["responses"]["Error"];
        };
    };
    followQuery: {
        parameters: {
            query?: {
                /** @description A position or cursor up to which the client has had the result. */
                after?: string;
                /**
                 * @description The query; none is every entity. `p.NAME` is the value of its parameter `:NAME`.
                 * @example year > 2000 ORDER BY year LIMIT 10
                 */
                q?: string;
            };
            header?: {
                /** @description As `after`; what browsers send. */
                "Last-Event-ID"?: string;
            };
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The notices, until the client leaves. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    getPolicies: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The policies. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "read": "owner = :sub OR public",
                     *       "write": "owner = :sub OR 'admin' IN :roles"
                     *     }
                     */
                    "application/json": components["schemas"]["Policies"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    setPolicies: {
        parameters: {
            query?: {
                /**
                 * @description Who does it. Default: whom the credential names.
                 * @example ann
                 */
                actor?: components["parameters"]["actor"];
                causationId?: components["parameters"]["causationId"];
                correlationId?: components["parameters"]["correlationId"];
            };
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "read": "owner = :sub OR public",
                 *       "write": "owner = :sub OR 'admin' IN :roles"
                 *     }
                 */
                "application/json": components["schemas"]["SetPolicies"];
            };
        };
        responses: {
            /** @description The policies. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "read": "owner = :sub OR public",
                     *       "write": "owner = :sub OR 'admin' IN :roles"
                     *     }
                     */
                    "application/json": components["schemas"]["Policies"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    testPolicies: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "claims": {
                 *         "sub": "ann",
                 *         "roles": [
                 *           "editor"
                 *         ]
                 *       },
                 *       "values": {
                 *         "owner": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["PolicyTest"];
            };
        };
        responses: {
            /** @description What they come to. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PolicyVerdicts"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    queryEntities: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example albums */
                collection: components["parameters"]["collection"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "q": "year > :since AND name LIKE :like ORDER BY year",
                 *       "named": {
                 *         "since": 2000,
                 *         "like": "Origin%"
                 *       },
                 *       "limit": 10
                 *     }
                 */
                "application/json": components["schemas"]["EntityQuery"];
            };
        };
        responses: {
            /** @description The result, or a page of it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "entities": [
                     *         {
                     *           "id": "a-1",
                     *           "values": {
                     *             "name": "Origin",
                     *             "year": 2001
                     *           }
                     *         }
                     *       ],
                     *       "next": "1.gAAAAAAAB9E",
                     *       "position": 17
                     *     }
                     */
                    "application/json": components["schemas"]["EntityPage"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                /** @description The letters of this id. */
                id?: string;
                kind?: components["schemas"]["LetterKind"];
                limit?: number;
                /** @description Of the projection, process manager or subscription. */
                name?: components["schemas"]["RunnerName"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["DeadLetters"];
            default: components["responses"]["Error"];
        };
    };
    readEvents: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description Before this position, exclusive. */
                before?: components["parameters"]["before"];
                /** @description In streams of one of these categories, the text before the first "-". */
                category?: components["parameters"]["category"];
                /** @description What a follower calls itself in the list of connections. Only where the log is followed. */
                clientId?: components["parameters"]["clientId"];
                direction?: components["parameters"]["direction"];
                /** @description Another name for `type`. */
                eventFilter?: components["parameters"]["eventFilter"];
                /** @description The event with this id. */
                eventId?: components["parameters"]["eventId"];
                /**
                 * @description A `Filter` as JSON, in place of type, category, streamId and tag; or DeltaBase's flat one,
                 *     `{"type": …, "streamId": …}`.
                 * @example {"items":[{"types":["order.*"]},{"tags":["customer:7"]}]}
                 */
                filter?: components["parameters"]["filter"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description From this global position on, inclusive. */
                fromPosition?: components["parameters"]["fromPosition"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
                limit?: components["parameters"]["limit"];
                /** @description Another name for `limit`. */
                maxCount?: components["parameters"]["maxCount"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description The one order that there is; in one stream, both are the same. */
                sortBy?: components["parameters"]["sortBy"];
                /** @description Another name for `direction`. */
                sortDirection?: components["parameters"]["sortDirection"];
                /** @description In one of these streams. */
                streamId?: components["parameters"]["streamId"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description Up to this global position, inclusive. */
                toPosition?: components["parameters"]["toPosition"];
                /** @description Events that were committed together. */
                transactionId?: components["parameters"]["transactionId"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: {
                /** @description A cursor to go on behind, before `after`; browsers send it. */
                "Last-Event-ID"?: components["parameters"]["lastEventId"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Events"];
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    appendEvents: {
        parameters: {
            query?: {
                /** @description Events may bring `createdAt`, `transactionId` and `transactionSize`; without a condition. */
                import?: components["parameters"]["import"];
            };
            header?: {
                /**
                 * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
                 *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["idempotencyKey"];
                /**
                 * @description `return=minimal` leaves the events out of the reply.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["prefer"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Commit"];
        responses: {
            200: components["responses"]["Committed"];
            201: components["responses"]["Committed"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    followEvents: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description In streams of one of these categories, the text before the first "-". */
                category?: components["parameters"]["category"];
                /** @description What a follower calls itself in the list of connections. Only where the log is followed. */
                clientId?: components["parameters"]["clientId"];
                /** @description Another name for `type`. */
                eventFilter?: components["parameters"]["eventFilter"];
                /**
                 * @description A `Filter` as JSON, in place of type, category, streamId and tag; or DeltaBase's flat one,
                 *     `{"type": …, "streamId": …}`.
                 * @example {"items":[{"types":["order.*"]},{"tags":["customer:7"]}]}
                 */
                filter?: components["parameters"]["filter"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description In one of these streams. */
                streamId?: components["parameters"]["streamId"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: {
                /** @description A cursor to go on behind, before `after`; browsers send it. */
                "Last-Event-ID"?: components["parameters"]["lastEventId"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The protocol is switched. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    head: {
        parameters: {
            query?: {
                /** @description Seconds. */
                timeout?: components["parameters"]["timeout"];
                /** @description Answer when the log's end is behind this position, its epoch is another one, or the timeout is over. */
                wait?: components["parameters"]["wait"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Head"];
            default: components["responses"]["Error"];
        };
    };
    followQueries: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A WebSocket. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Invalid"];
            default: components["responses"]["Error"];
        };
    };
    listModules: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The modules, by name. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        modules: components["schemas"]["Module"][];
                    };
                };
            };
            default: components["responses"]["Error"];
        };
    };
    getModule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The module. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Module"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    publishModule: {
        parameters: {
            query?: {
                /** @description Milliseconds that a call may take, waiting included. */
                callMs?: number;
                /** @description Bytes of parameters, locals and operands of the functions that are called. */
                depth?: number;
                /** @description Look at everything, and write nothing. */
                dryRun?: boolean;
                /** @description Bytes that an instance may have. */
                memory?: number;
                /** @description Bytes of a reply. */
                reply?: number;
                /** @description Milliseconds that a call may run. */
                runningMs?: number;
            };
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/wasm": string;
            };
        };
        responses: {
            /** @description It was there already, or this was a dry run. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PublishedModule"];
                };
            };
            /** @description It is a version. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PublishedModule"];
                };
            };
            400: components["responses"]["Invalid"];
            409: components["responses"]["Conflict"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    retireModule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The module. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Module"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    diffModule: {
        parameters: {
            query?: {
                /** @description Default: the one that was active before. */
                from?: number;
                /** @description Default: the active one. */
                to?: number;
            };
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The differences. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModuleDiff"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    pinModule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "version": 2
                 *     }
                 */
                "application/json": components["schemas"]["VersionRequest"];
            };
        };
        responses: {
            /** @description The module. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Module"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    unpinModule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The module. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Module"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    rollBackModule: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "version": 2
                 *     }
                 */
                "application/json": components["schemas"]["VersionRequest"];
            };
        };
        responses: {
            /** @description The module. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Module"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            422: components["responses"]["Error"];
            default: components["responses"]["Error"];
        };
    };
    listModuleVersions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The versions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        versions: components["schemas"]["ModuleVersion"][];
                    };
                };
            };
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    getModuleBinary: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: components["parameters"]["module"];
                /** @example default */
                store: components["parameters"]["store"];
                version: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The binary. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/wasm": string;
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    listProcessManagers: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["ProcessManagers"];
            default: components["responses"]["Error"];
        };
    };
    getProcessManager: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Runner"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    listProcessManagerDeadLetters: {
        parameters: {
            query?: {
                /** @description The letter of this id. */
                id?: string;
                limit?: number;
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
            };
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["DeadLetters"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    getProcessManagerDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["DeadLetter"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    discardProcessManagerDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    retryProcessManagerDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    discardProcessManagerDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    retryProcessManagerDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    pauseProcessManager: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    resumeProcessManager: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    listProjections: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Projections"];
            default: components["responses"]["Error"];
        };
    };
    getProjection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Runner"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    listProjectionDeadLetters: {
        parameters: {
            query?: {
                /** @description The letter of this id. */
                id?: string;
                limit?: number;
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
            };
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["DeadLetters"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    getProjectionDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["DeadLetter"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    discardProjectionDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    retryProjectionDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With its slashes escaped as `%2F`. An id that is the very word `retry` or `discard` is written as `%72etry` or
                 *     `%64iscard`.
                 */
                id: components["parameters"]["letter"];
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    discardProjectionDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    retryProjectionDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    pauseProjection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    rebuildProjection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    resetProjection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    resumeProjection: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example balances */
                name: components["parameters"]["runner"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Order"];
        responses: {
            202: components["responses"]["Ordered"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    queryEvents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "query": {
                 *         "items": [
                 *           {
                 *             "types": [
                 *               "order.placed"
                 *             ],
                 *             "tags": [
                 *               "customer:7"
                 *             ]
                 *           }
                 *         ]
                 *       },
                 *       "after": 0,
                 *       "limit": 100
                 *     }
                 */
                "application/json": components["schemas"]["QueryRequest"];
            };
        };
        responses: {
            200: components["responses"]["Events"];
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    readLines: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "filter": {
                 *         "items": [
                 *           {
                 *             "streams": [
                 *               "order-1001"
                 *             ]
                 *           }
                 *         ]
                 *       },
                 *       "from": 0,
                 *       "backwards": true,
                 *       "limit": 1
                 *     }
                 */
                "application/json": components["schemas"]["ReadRequest"];
            };
        };
        responses: {
            200: components["responses"]["Lines"];
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    changeStore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "description": "What the shop did",
                 *       "settings": {
                 *         "retentionPeriodDays": 365
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["StoreChange"];
            };
        };
        responses: {
            /** @description The store. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Store"];
                };
            };
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    listStreamsOfCategory: {
        parameters: {
            query?: {
                /** @description The `nextCursor` of the page before. */
                after?: components["parameters"]["afterStream"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description Taken; streams have no metadata. */
                includeMetadata?: components["parameters"]["includeMetadata"];
                limit?: components["parameters"]["pageLimit"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description Streams whose ids begin so. */
                prefix?: components["parameters"]["prefix"];
                sortBy?: "streamId";
                sortDirection?: "asc";
                streamId?: components["parameters"]["oneStream"];
                /**
                 * @description A prefix and `*`, or an id.
                 * @example order-*
                 */
                streamIdPattern?: components["parameters"]["streamIdPattern"];
            };
            header?: never;
            path: {
                /** @example order */
                category: string;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Streams"];
            default: components["responses"]["Error"];
        };
    };
    listStreams: {
        parameters: {
            query?: {
                /** @description The `nextCursor` of the page before. */
                after?: components["parameters"]["afterStream"];
                category?: components["parameters"]["oneCategory"];
                direction?: "forwards" | "forward" | "asc";
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description Taken; streams have no metadata. */
                includeMetadata?: components["parameters"]["includeMetadata"];
                limit?: components["parameters"]["pageLimit"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description Streams whose ids begin so. */
                prefix?: components["parameters"]["prefix"];
                sortBy?: "streamId";
                sortDirection?: "asc" | "forwards" | "forward";
                streamId?: components["parameters"]["oneStream"];
                /**
                 * @description A prefix and `*`, or an id.
                 * @example order-*
                 */
                streamIdPattern?: components["parameters"]["streamIdPattern"];
                /** @description Another name for `category`. */
                streamType?: components["parameters"]["streamType"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Streams"];
            default: components["responses"]["Error"];
        };
    };
    readStream: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description Before this position, exclusive. */
                before?: components["parameters"]["before"];
                direction?: components["parameters"]["direction"];
                /** @description The event with this id. */
                eventId?: components["parameters"]["eventId"];
                /** @description The read is refused with VERSION_CONFLICT where the stream is elsewhere. */
                expectedStreamVersion?: components["parameters"]["expectedStreamVersion"];
                /** @description From this stream position on, inclusive. */
                from?: components["parameters"]["from"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description From this global position on, inclusive. */
                fromPosition?: components["parameters"]["fromPosition"];
                /** @description Another name for `from`. */
                fromStreamPosition?: components["parameters"]["fromStreamPosition"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
                limit?: components["parameters"]["limit"];
                /** @description Another name for `limit`. */
                maxCount?: components["parameters"]["maxCount"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description The one order that there is; in one stream, both are the same. */
                sortBy?: components["parameters"]["sortBy"];
                /** @description Another name for `direction`. */
                sortDirection?: components["parameters"]["sortDirection"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Up to this stream position, inclusive. */
                to?: components["parameters"]["to"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description Up to this global position, inclusive. */
                toPosition?: components["parameters"]["toPosition"];
                /** @description Another name for `to`. */
                toStreamPosition?: components["parameters"]["toStreamPosition"];
                /** @description Events that were committed together. */
                transactionId?: components["parameters"]["transactionId"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["StreamEvents"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    appendToStream: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
                 *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["idempotencyKey"];
                /**
                 * @description `return=minimal` leaves the events out of the reply.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["prefer"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Append"];
        responses: {
            200: components["responses"]["Appended"];
            201: components["responses"]["Appended"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    readStreamEvents: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description Before this position, exclusive. */
                before?: components["parameters"]["before"];
                direction?: components["parameters"]["direction"];
                /** @description The event with this id. */
                eventId?: components["parameters"]["eventId"];
                /** @description The read is refused with VERSION_CONFLICT where the stream is elsewhere. */
                expectedStreamVersion?: components["parameters"]["expectedStreamVersion"];
                /** @description From this stream position on, inclusive. */
                from?: components["parameters"]["from"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description From this global position on, inclusive. */
                fromPosition?: components["parameters"]["fromPosition"];
                /** @description Another name for `from`. */
                fromStreamPosition?: components["parameters"]["fromStreamPosition"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
                limit?: components["parameters"]["limit"];
                /** @description Another name for `limit`. */
                maxCount?: components["parameters"]["maxCount"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description The one order that there is; in one stream, both are the same. */
                sortBy?: components["parameters"]["sortBy"];
                /** @description Another name for `direction`. */
                sortDirection?: components["parameters"]["sortDirection"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Up to this stream position, inclusive. */
                to?: components["parameters"]["to"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description Up to this global position, inclusive. */
                toPosition?: components["parameters"]["toPosition"];
                /** @description Another name for `to`. */
                toStreamPosition?: components["parameters"]["toStreamPosition"];
                /** @description Events that were committed together. */
                transactionId?: components["parameters"]["transactionId"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["StreamEvents"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    appendStreamEvents: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
                 *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["idempotencyKey"];
                /**
                 * @description `return=minimal` leaves the events out of the reply.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["prefer"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Append"];
        responses: {
            200: components["responses"]["Appended"];
            201: components["responses"]["Appended"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    findEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With what is not allowed in a path escaped: `a/b` is `a%2Fb`. What resolves dots in paths on the way cannot
                 *     ask for the ids `.` and `..`; the parameter `eventId` of a read can.
                 * @example 01JD3Y8Q0V3M8S2Z6T5N9K4RWE
                 */
                eventId: components["parameters"]["event"];
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Event"];
            404: components["responses"]["EventNotFound"];
            default: components["responses"]["Error"];
        };
    };
    subscribe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "eventFilter": "user.*",
                 *       "subscriber": {
                 *         "type": "webhook",
                 *         "config": {
                 *           "url": "https://example.com/events",
                 *           "retryPolicy": {
                 *             "maxAttempts": 5
                 *           }
                 *         }
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["DeltaBaseSubscribe"];
            };
        };
        responses: {
            200: components["responses"]["SubscriptionMade"];
            201: components["responses"]["SubscriptionMade"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    listSubscriptions: {
        parameters: {
            query?: {
                /** @description Those whose filter is of types, with this one among them, letter for letter. */
                eventFilter?: string;
                /** @description Those of this kind. */
                kind?: string;
                limit?: number;
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                status?: components["schemas"]["SubscriptionStatus"];
                /** @description Another name for `kind`. */
                subscriberType?: string;
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of subscriptions. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Subscriptions"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    createSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubscriptionRequest"];
            };
        };
        responses: {
            200: components["responses"]["SubscriptionMade"];
            201: components["responses"]["SubscriptionMade"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    getSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Subscription"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    deleteSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    changeSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "filter": {
                 *         "items": [
                 *           {
                 *             "types": [
                 *               "user.*",
                 *               "account.*"
                 *             ]
                 *           }
                 *         ]
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["SubscriptionChange"];
            };
        };
        responses: {
            200: components["responses"]["Subscription"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    ack: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "ack": [
                 *         "1042-1-K9RWE0000017"
                 *       ],
                 *       "nack": [
                 *         {
                 *           "deliveryId": "1043-2-K9RWE0000018",
                 *           "action": "retry",
                 *           "afterMs": 5000
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["AckRequest"];
            };
        };
        responses: {
            /** @description What was taken. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Answered"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    listSubscriptionDeadLetters: {
        parameters: {
            query?: {
                limit?: number;
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
            };
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of dead letters. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionDeadLetters"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    discardSubscriptionDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Letters"];
        responses: {
            /** @description How many were given up. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Discarded"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    retrySubscriptionDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Letters"];
        responses: {
            /** @description How many are under way. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Retried"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                limit?: number;
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
            };
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of attempts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Attempts"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    leave: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "consumer": "mailer-1"
                 *     }
                 */
                "application/json": components["schemas"]["LeaveRequest"];
            };
        };
        responses: {
            /** @description It has left. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    pauseSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Nothing"];
        responses: {
            200: components["responses"]["Subscription"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    poll: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "consumer": "mailer-1",
                 *       "max": 10,
                 *       "waitMs": 20000
                 *     }
                 */
                "application/json": components["schemas"]["PollRequest"];
            };
        };
        responses: {
            /** @description Events, or none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deliveries"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    replaySubscription: {
        parameters: {
            query?: {
                /** @description The position of the first event to be delivered; 0 and 1 are all. */
                from?: components["schemas"]["Position"];
            };
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "from": 1042
                 *     }
                 */
                "application/json": components["schemas"]["ReplayRequest"];
            };
        };
        responses: {
            200: components["responses"]["Subscription"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    resumeSubscription: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: components["requestBodies"]["Nothing"];
        responses: {
            200: components["responses"]["Subscription"];
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            default: components["responses"]["Error"];
        };
    };
    consumeWebSocket: {
        parameters: {
            query?: {
                /** @description Who asks, else the first message says so. Each has a name and a connection of its own. */
                consumer?: components["schemas"]["ConsumerName"];
            };
            header?: never;
            path: {
                /** @example mailers */
                name: components["parameters"]["subscription"];
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A WebSocket: `ConsumerMessage`s in, `GroupMessage`s out. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["SubscriptionConflict"];
            default: components["responses"]["Error"];
        };
    };
    readSystemEvents: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description Before this position, exclusive. */
                before?: components["parameters"]["before"];
                /** @description In streams of one of these categories, the text before the first "-". */
                category?: components["parameters"]["category"];
                /** @description What a follower calls itself in the list of connections. Only where the log is followed. */
                clientId?: components["parameters"]["clientId"];
                direction?: components["parameters"]["direction"];
                /** @description Another name for `type`. */
                eventFilter?: components["parameters"]["eventFilter"];
                /** @description The event with this id. */
                eventId?: components["parameters"]["eventId"];
                /**
                 * @description A `Filter` as JSON, in place of type, category, streamId and tag; or DeltaBase's flat one,
                 *     `{"type": …, "streamId": …}`.
                 * @example {"items":[{"types":["order.*"]},{"tags":["customer:7"]}]}
                 */
                filter?: components["parameters"]["filter"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description From this global position on, inclusive. */
                fromPosition?: components["parameters"]["fromPosition"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
                limit?: components["parameters"]["limit"];
                /** @description Another name for `limit`. */
                maxCount?: components["parameters"]["maxCount"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description The one order that there is; in one stream, both are the same. */
                sortBy?: components["parameters"]["sortBy"];
                /** @description Another name for `direction`. */
                sortDirection?: components["parameters"]["sortDirection"];
                /** @description In one of these streams. */
                streamId?: components["parameters"]["streamId"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description Up to this global position, inclusive. */
                toPosition?: components["parameters"]["toPosition"];
                /** @description Events that were committed together. */
                transactionId?: components["parameters"]["transactionId"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: {
                /** @description A cursor to go on behind, before `after`; browsers send it. */
                "Last-Event-ID"?: components["parameters"]["lastEventId"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Events"];
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    appendSystemEvents: {
        parameters: {
            query?: {
                /** @description Events may bring `createdAt`, `transactionId` and `transactionSize`; without a condition. */
                import?: components["parameters"]["import"];
            };
            header?: {
                /**
                 * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
                 *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["idempotencyKey"];
                /**
                 * @description `return=minimal` leaves the events out of the reply.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["prefer"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Commit"];
        responses: {
            200: components["responses"]["Committed"];
            201: components["responses"]["Committed"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    followSystemEvents: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description In streams of one of these categories, the text before the first "-". */
                category?: components["parameters"]["category"];
                /** @description What a follower calls itself in the list of connections. Only where the log is followed. */
                clientId?: components["parameters"]["clientId"];
                /** @description Another name for `type`. */
                eventFilter?: components["parameters"]["eventFilter"];
                /**
                 * @description A `Filter` as JSON, in place of type, category, streamId and tag; or DeltaBase's flat one,
                 *     `{"type": …, "streamId": …}`.
                 * @example {"items":[{"types":["order.*"]},{"tags":["customer:7"]}]}
                 */
                filter?: components["parameters"]["filter"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description In one of these streams. */
                streamId?: components["parameters"]["streamId"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: {
                /** @description A cursor to go on behind, before `after`; browsers send it. */
                "Last-Event-ID"?: components["parameters"]["lastEventId"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The protocol is switched. */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    systemHead: {
        parameters: {
            query?: {
                /** @description Seconds. */
                timeout?: components["parameters"]["timeout"];
                /** @description Answer when the log's end is behind this position, its epoch is another one, or the timeout is over. */
                wait?: components["parameters"]["wait"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Head"];
            default: components["responses"]["Error"];
        };
    };
    querySystemEvents: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "query": {
                 *         "items": [
                 *           {
                 *             "types": [
                 *               "order.placed"
                 *             ],
                 *             "tags": [
                 *               "customer:7"
                 *             ]
                 *           }
                 *         ]
                 *       },
                 *       "after": 0,
                 *       "limit": 100
                 *     }
                 */
                "application/json": components["schemas"]["QueryRequest"];
            };
        };
        responses: {
            200: components["responses"]["Events"];
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    readSystemLines: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "filter": {
                 *         "items": [
                 *           {
                 *             "streams": [
                 *               "order-1001"
                 *             ]
                 *           }
                 *         ]
                 *       },
                 *       "from": 0,
                 *       "backwards": true,
                 *       "limit": 1
                 *     }
                 */
                "application/json": components["schemas"]["ReadRequest"];
            };
        };
        responses: {
            200: components["responses"]["Lines"];
            410: components["responses"]["LogRewound"];
            default: components["responses"]["Error"];
        };
    };
    listSystemStreamsOfCategory: {
        parameters: {
            query?: {
                /** @description The `nextCursor` of the page before. */
                after?: components["parameters"]["afterStream"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description Taken; streams have no metadata. */
                includeMetadata?: components["parameters"]["includeMetadata"];
                limit?: components["parameters"]["pageLimit"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description Streams whose ids begin so. */
                prefix?: components["parameters"]["prefix"];
                sortBy?: "streamId";
                sortDirection?: "asc";
                streamId?: components["parameters"]["oneStream"];
                /**
                 * @description A prefix and `*`, or an id.
                 * @example order-*
                 */
                streamIdPattern?: components["parameters"]["streamIdPattern"];
            };
            header?: never;
            path: {
                /** @example order */
                category: string;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Streams"];
            default: components["responses"]["Error"];
        };
    };
    listSystemStreams: {
        parameters: {
            query?: {
                /** @description The `nextCursor` of the page before. */
                after?: components["parameters"]["afterStream"];
                category?: components["parameters"]["oneCategory"];
                limit?: components["parameters"]["pageLimit"];
                /** @description Streams whose ids begin so. */
                prefix?: components["parameters"]["prefix"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Streams"];
            default: components["responses"]["Error"];
        };
    };
    readSystemStream: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description Before this position, exclusive. */
                before?: components["parameters"]["before"];
                direction?: components["parameters"]["direction"];
                /** @description The event with this id. */
                eventId?: components["parameters"]["eventId"];
                /** @description The read is refused with VERSION_CONFLICT where the stream is elsewhere. */
                expectedStreamVersion?: components["parameters"]["expectedStreamVersion"];
                /** @description From this stream position on, inclusive. */
                from?: components["parameters"]["from"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description From this global position on, inclusive. */
                fromPosition?: components["parameters"]["fromPosition"];
                /** @description Another name for `from`. */
                fromStreamPosition?: components["parameters"]["fromStreamPosition"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
                limit?: components["parameters"]["limit"];
                /** @description Another name for `limit`. */
                maxCount?: components["parameters"]["maxCount"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description The one order that there is; in one stream, both are the same. */
                sortBy?: components["parameters"]["sortBy"];
                /** @description Another name for `direction`. */
                sortDirection?: components["parameters"]["sortDirection"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Up to this stream position, inclusive. */
                to?: components["parameters"]["to"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description Up to this global position, inclusive. */
                toPosition?: components["parameters"]["toPosition"];
                /** @description Another name for `to`. */
                toStreamPosition?: components["parameters"]["toStreamPosition"];
                /** @description Events that were committed together. */
                transactionId?: components["parameters"]["transactionId"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["StreamEvents"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    appendToSystemStream: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
                 *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["idempotencyKey"];
                /**
                 * @description `return=minimal` leaves the events out of the reply.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["prefer"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Append"];
        responses: {
            200: components["responses"]["Appended"];
            201: components["responses"]["Appended"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    readSystemStreamEvents: {
        parameters: {
            query?: {
                /** @description Behind this position, exclusive: a position, or a cursor, whose epoch is checked. */
                after?: components["parameters"]["after"];
                /** @description Before this position, exclusive. */
                before?: components["parameters"]["before"];
                direction?: components["parameters"]["direction"];
                /** @description The event with this id. */
                eventId?: components["parameters"]["eventId"];
                /** @description The read is refused with VERSION_CONFLICT where the stream is elsewhere. */
                expectedStreamVersion?: components["parameters"]["expectedStreamVersion"];
                /** @description From this stream position on, inclusive. */
                from?: components["parameters"]["from"];
                /** @description Created then or later: a time, or a day, which stands for its beginning. */
                fromDate?: components["parameters"]["fromDate"];
                /** @description From this global position on, inclusive. */
                fromPosition?: components["parameters"]["fromPosition"];
                /** @description Another name for `from`. */
                fromStreamPosition?: components["parameters"]["fromStreamPosition"];
                /** @description Taken; nothing is ever archived. */
                includeArchived?: components["parameters"]["includeArchived"];
                /** @description Tell `pagination.total`, which reads everything that matches. */
                includeCount?: components["parameters"]["includeCount"];
                /** @description At most this many events. As JSON 1,000 unless given, and 10,000 at most; as ndjson no limit unless given. */
                limit?: components["parameters"]["limit"];
                /** @description Another name for `limit`. */
                maxCount?: components["parameters"]["maxCount"];
                /** @description Pass over this many. `after` goes on faster. */
                offset?: components["parameters"]["offset"];
                /** @description The one order that there is; in one stream, both are the same. */
                sortBy?: components["parameters"]["sortBy"];
                /** @description Another name for `direction`. */
                sortDirection?: components["parameters"]["sortDirection"];
                /** @description With every one of these tags. */
                tag?: components["parameters"]["tag"];
                /** @description Up to this stream position, inclusive. */
                to?: components["parameters"]["to"];
                /** @description Created then or earlier: a time, or a day, which stands for its end. */
                toDate?: components["parameters"]["toDate"];
                /** @description Up to this global position, inclusive. */
                toPosition?: components["parameters"]["toPosition"];
                /** @description Another name for `to`. */
                toStreamPosition?: components["parameters"]["toStreamPosition"];
                /** @description Events that were committed together. */
                transactionId?: components["parameters"]["transactionId"];
                /** @description One of these types; `*` stands for one or more characters, dots included: `order.*`. */
                type?: components["parameters"]["type"];
                /**
                 * @description A condition over events that has to be true beside the filter, in the query language, without order, limit, columns and
                 *     parameters. What is not there is null, and no comparison with null is true. One that is wrong is INVALID_ARGUMENT with line,
                 *     column, expected and hint in the details. `limit`, `offset` and `includeCount` count what it is true of.
                 * @example type LIKE 'order.%' AND data.total > 100
                 */
                where?: components["parameters"]["where"];
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["StreamEvents"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    appendSystemStreamEvents: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description Events without an `eventId` get one that is derived from this text and their index, so that the same request again
                 *     is answered as the first time, for ever. Other data under the same key is `EVENT_ID_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["idempotencyKey"];
                /**
                 * @description `return=minimal` leaves the events out of the reply.
                 * @example return=minimal
                 */
                Prefer?: components["parameters"]["prefer"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody: components["requestBodies"]["Append"];
        responses: {
            200: components["responses"]["Appended"];
            201: components["responses"]["Appended"];
            409: components["responses"]["Conflict"];
            default: components["responses"]["Error"];
        };
    };
    findSystemEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description With what is not allowed in a path escaped: `a/b` is `a%2Fb`. What resolves dots in paths on the way cannot
                 *     ask for the ids `.` and `..`; the parameter `eventId` of a read can.
                 * @example 01JD3Y8Q0V3M8S2Z6T5N9K4RWE
                 */
                eventId: components["parameters"]["event"];
                /** @example default */
                store: components["parameters"]["store"];
                /** @example order-1001 */
                stream: components["parameters"]["stream"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["Event"];
            404: components["responses"]["EventNotFound"];
            default: components["responses"]["Error"];
        };
    };
    transact: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "edits": [
                 *         {
                 *           "do": "create",
                 *           "collection": "albums",
                 *           "id": "a-2",
                 *           "values": {
                 *             "name": "Second"
                 *           }
                 *         },
                 *         {
                 *           "do": "patch",
                 *           "collection": "artists",
                 *           "id": "ann",
                 *           "patch": {
                 *             "add": {
                 *               "albums": 1
                 *             }
                 *           }
                 *         },
                 *         {
                 *           "do": "delete",
                 *           "collection": "albums",
                 *           "id": "a-1"
                 *         }
                 *       ],
                 *       "context": {
                 *         "actor": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["TransactionRequest"];
            };
        };
        responses: {
            /** @description There was nothing to write, or it was written before (`duplicate`). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
            /** @description It is durable. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            410: components["responses"]["Gone"];
            default: components["responses"]["Error"];
        };
    };
    undoTransaction: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
            };
            path: {
                /**
                 * @description Of any event of the transaction.
                 * @example 17
                 */
                position: number;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                /**
                 * @example {
                 *       "context": {
                 *         "actor": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["EditContextRequest"];
            };
        };
        responses: {
            /** @description There was nothing left to undo, or it was undone before (`duplicate`). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
            /** @description It is durable. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            default: components["responses"]["Error"];
        };
    };
    undoTransactions: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description A text that is new for each request: the same request again is answered with what the first one came to, and
                 *     `duplicate`, for ever; nothing is written. It counts for the method and what the path names. Another request
                 *     under it is `IDEMPOTENCY_CONFLICT`.
                 */
                "Idempotency-Key"?: components["parameters"]["editKey"];
            };
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "positions": [
                 *         17,
                 *         19
                 *       ],
                 *       "context": {
                 *         "actor": "ann"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["UndoRequest"];
            };
        };
        responses: {
            /** @description There was nothing left to undo, or it was undone before (`duplicate`). */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
            /** @description It is durable. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Transaction"];
                };
            };
            400: components["responses"]["Invalid"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["EntityConflict"];
            default: components["responses"]["Error"];
        };
    };
    listConnections: {
        parameters: {
            query?: {
                /** @description Only of this client. */
                clientId?: string;
                limit?: number;
                offset?: number;
            };
            header?: never;
            path: {
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of connections. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Connections"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    closeConnections: {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: never;
            path: {
                /** @description What the client calls itself, or the id of one connection. */
                clientId: string;
                /** @example default */
                store: components["parameters"]["store"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description They are being ended. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectionsClosed"];
                };
            };
            default: components["responses"]["Error"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The figures. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            default: components["responses"]["Error"];
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The document. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/yaml": string;
                };
            };
        };
    };
    ready: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            503: components["responses"]["Error"];
        };
    };
}
